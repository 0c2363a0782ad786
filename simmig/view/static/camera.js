// From metres to pixels: a plan from above, or a view in perspective. Both look at one point of the ground.

const PERSPECTIVE = 2.6; // distance of the eye, in widths of what is shown
const LOWEST = 0.12, STEEPEST = 1.45; // radians above the ground

class Camera {
  constructor(box) {
    this.box = box; // of the whole scene: lowM, highM, each [x, y, z]
    this.isFlat = true;
    this.lift = 1;
    this.width = this.height = 1;
    this.version = 0;
    this.reset();
  }

  reset() {
    const { lowM, highM } = this.box;
    this.x = (lowM[0] + highM[0]) / 2;
    this.y = (lowM[1] + highM[1]) / 2;
    this.turn = -0.5;
    this.pitch = 0.62;
    this.zoom = 1;
    this.update();
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.update();
  }

  update() {
    const { lowM, highM } = this.box, wide = Math.max(highM[0] - lowM[0], 1), tall = Math.max(highM[1] - lowM[1], 1);
    const across = this.isFlat ? wide : Math.hypot(wide, tall);
    const upward = this.isFlat ? tall : across * 0.72;
    this.pxPerM = this.zoom * 0.94 * Math.min(this.width / across, this.height / upward);
    this.eyeM = (PERSPECTIVE * Math.max(wide, tall)) / this.zoom;
    this.sinTurn = Math.sin(this.turn);
    this.cosTurn = Math.cos(this.turn);
    this.sinPitch = Math.sin(this.pitch);
    this.cosPitch = Math.cos(this.pitch);
    this.version++;
  }

  // Writes px, py and scale (pixels per metre there; 0: behind the eye).
  project(x, y, z) {
    const dx = x - this.x, dy = y - this.y;
    if (this.isFlat) {
      this.px = this.width / 2 + dx * this.pxPerM;
      this.py = this.height / 2 - dy * this.pxPerM;
      this.scale = this.pxPerM;
      return;
    }
    const across = dx * this.cosTurn + dy * this.sinTurn, along = dy * this.cosTurn - dx * this.sinTurn, up = z * this.lift;
    const away = this.eyeM + along * this.cosPitch - up * this.sinPitch;
    this.scale = away > 0.05 * this.eyeM ? (this.pxPerM * this.eyeM) / away : 0;
    this.px = this.width / 2 + across * this.scale;
    this.py = this.height / 2 - (along * this.sinPitch + up * this.cosPitch) * this.scale;
  }

  // Moves what is shown by pixels.
  pan(dx, dy) {
    const across = -dx / this.pxPerM, along = dy / this.pxPerM / (this.isFlat ? 1 : this.sinPitch);
    const [c, s] = this.isFlat ? [1, 0] : [this.cosTurn, this.sinTurn];
    this.x += across * c - along * s;
    this.y += across * s + along * c;
    this.update();
  }

  rotate(dx, dy) {
    this.turn += dx * 0.006;
    this.pitch = Math.min(STEEPEST, Math.max(LOWEST, this.pitch + dy * 0.005));
    this.update();
  }

  // Zooms about a pixel, which keeps its place of the ground.
  zoomBy(factor, px = this.width / 2, py = this.height / 2) {
    const before = this.zoom;
    this.zoom = Math.min(200, Math.max(0.3, this.zoom * factor));
    const moved = this.zoom / before - 1;
    this.update();
    this.pan(-(px - this.width / 2) * moved, -(py - this.height / 2) * moved);
  }
}
