// What does not move: the mesh of the ground, zones, masts, a scale. Painted once for each view, then copied.

const ROUND = 48; // corners of a circle
const MOST_CORNERS = 40000; // of the ways that are painted, lest turning the view be slow

class Ground {
  constructor(run, camera, tracks) {
    this.camera = camera;
    this.tracks = tracks;
    this.vehicles = run.vehicles.length;
    this.oneIn = Math.max(1, Math.ceil(tracks.t.length / MOST_CORNERS));
    this.rsus = run.rsus;
    this.shapes = run.rsus.map(outlines);
    this.layer = document.createElement("canvas");
    this.paintedFor = "";
  }

  // Copies the ground onto the context, in its pixels.
  paint(context, colours, ratio) {
    const { width, height } = context.canvas, wanted = `${this.camera.version} ${width} ${height} ${colours.name}`;
    if (wanted !== this.paintedFor) {
      this.layer.width = width;
      this.layer.height = height;
      const layer = this.layer.getContext("2d", { alpha: false });
      layer.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.paintAll(layer, colours);
      this.paintedFor = wanted;
    }
    context.drawImage(this.layer, 0, 0, this.camera.width, this.camera.height);
  }

  paintAll(layer, colours) {
    layer.fillStyle = colours.map;
    layer.fillRect(0, 0, this.camera.width, this.camera.height);
    this.paintMesh(layer, colours);
    this.paintWays(layer, colours);
    for (const shape of this.shapes) this.paintZone(layer, shape, colours);
    if (!this.camera.isFlat) this.paintMasts(layer, colours);
    if (this.camera.isFlat) this.paintScale(layer, colours);
  }

  paintMesh(layer, colours) {
    const { lowM, highM } = this.camera.box, camera = this.camera;
    const size = Math.max(highM[0] - lowM[0], highM[1] - lowM[1]), step = niceLength((camera.isFlat ? 90 : 60) / camera.pxPerM);
    const reach = camera.isFlat ? 0.2 * size : 0.02 * size;
    const from = [0, 1].map((k) => Math.floor((lowM[k] - reach) / step) * step), to = [0, 1].map((k) => Math.ceil((highM[k] + reach) / step) * step);
    if ((to[0] - from[0]) / step > 400 || (to[1] - from[1]) / step > 400) return;
    layer.beginPath();
    for (let x = from[0]; x <= to[0] + step / 2; x += step) this.line(layer, [x, from[1], 0], [x, to[1], 0]);
    for (let y = from[1]; y <= to[1] + step / 2; y += step) this.line(layer, [from[0], y, 0], [to[0], y, 0]);
    layer.strokeStyle = colours.mesh;
    layer.lineWidth = 1;
    layer.stroke();
  }

  line(layer, a, b) {
    const camera = this.camera;
    camera.project(...a);
    const { px, py, scale } = camera;
    camera.project(...b);
    if (scale === 0 || camera.scale === 0) return;
    layer.moveTo(px, py);
    layer.lineTo(camera.px, camera.py);
  }

  ring(layer, points, z) {
    const camera = this.camera;
    points.forEach(([x, y, own], k) => {
      camera.project(x, y, own ?? z);
      if (k === 0) layer.moveTo(camera.px, camera.py);
      else layer.lineTo(camera.px, camera.py);
    });
    layer.closePath();
  }

  // Where vehicles go at any time, which shows the streets.
  paintWays(layer, colours) {
    const camera = this.camera;
    layer.beginPath();
    for (let v = 0; v < this.vehicles; v += this.oneIn) {
      this.tracks.walk(v, (x, y, z, isDown) => {
        camera.project(x, y, camera.isFlat ? 0 : z);
        if (isDown) layer.lineTo(camera.px, camera.py);
        else layer.moveTo(camera.px, camera.py);
      });
    }
    layer.strokeStyle = colours.way;
    layer.lineWidth = 1;
    layer.stroke();
  }

  paintZone(layer, shape, colours) {
    const isFlat = this.camera.isFlat;
    layer.beginPath();
    for (const ring of shape.floor) this.ring(layer, ring, isFlat ? 0 : shape.lowM);
    layer.fillStyle = colours.zone;
    layer.globalAlpha = isFlat ? 0.07 : 0.05;
    layer.fill("evenodd");
    layer.globalAlpha = 0.55;
    layer.strokeStyle = colours.zone;
    layer.lineWidth = 1;
    layer.stroke();
    if (isFlat) {
      layer.globalAlpha = 1;
      return;
    }
    layer.globalAlpha = 0.3;
    layer.beginPath();
    for (const ring of shape.hoops) this.ring(layer, ring, 0);
    if (shape.highM !== null) {
      for (const ring of shape.floor) this.ring(layer, ring, shape.highM);
      for (const ring of shape.floor) ring.forEach(([x, y], k) => { if (k % shape.every === 0) this.line(layer, [x, y, shape.lowM], [x, y, shape.highM]); });
    }
    layer.stroke();
    layer.globalAlpha = 1;
  }

  paintMasts(layer, colours) {
    layer.beginPath();
    for (const { xyzM: [x, y, z] } of this.rsus) this.line(layer, [x, y, 0], [x, y, z]);
    layer.strokeStyle = colours.muted;
    layer.lineWidth = 1.5;
    layer.stroke();
  }

  paintScale(layer, colours) {
    const { width, height, pxPerM } = this.camera, lengthM = niceLength(width / 7 / pxPerM), long = lengthM * pxPerM;
    layer.strokeStyle = layer.fillStyle = colours.muted;
    layer.lineWidth = 2;
    layer.beginPath();
    layer.moveTo(width - 12 - long, height - 12);
    layer.lineTo(width - 12, height - 12);
    layer.stroke();
    layer.font = "11px system-ui, sans-serif";
    layer.textAlign = "center";
    layer.fillText(lengthM >= 1000 ? `${lengthM / 1000} km` : `${lengthM} m`, width - 12 - long / 2, height - 17);
  }
}

// 1, 2 or 5 times a power of ten, about as long.
function niceLength(about) {
  const power = 10 ** Math.floor(Math.log10(about));
  return power * (about / power >= 5 ? 5 : about / power >= 2 ? 2 : 1);
}

function circle(x, y, radius) {
  return Array.from({ length: ROUND }, (_, k) => [x + radius * Math.cos((2 * Math.PI * k) / ROUND), y + radius * Math.sin((2 * Math.PI * k) / ROUND)]);
}

// The outline of a zone: rings on its floor, its heights (null: none), hoops with heights of their own (a sphere's).
function outlines({ xyzM: [x, y, z], shape, radiusM, lowM, highM, ringsM }) {
  if (shape === "polygon") return { floor: ringsM, lowM: lowM ?? 0, highM, hoops: [], every: 1 };
  const floor = [circle(x, y, radiusM)];
  if (shape !== "sphere") return { floor, lowM: lowM ?? 0, highM, hoops: [], every: ROUND / 8 };
  const hoops = [0, Math.PI / 2].map((turn) => circle(0, 0, radiusM).map(([across, up]) => [x + across * Math.cos(turn), y + across * Math.sin(turn), z + up]));
  return { floor, lowM: z, highM: null, hoops, every: 1 };
}
