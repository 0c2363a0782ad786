// One run on the page: its figures, its map, what is chosen on it.

class Pane {
  constructor(run, columns, page) {
    Object.assign(this, { run, columns, page });
    this.tracks = new Tracks(run, columns);
    this.ledger = new Ledger(run, columns);
    this.figures = new Figures(run, columns);
    this.camera = new Camera(sceneBox(run, this.tracks));
    this.ground = new Ground(run, this.camera, this.tracks);
    this.scene = new Scene(run, columns, this.tracks, this.ledger, this.figures, this.camera);
    const section = document.getElementById("pane").content.firstElementChild.cloneNode(true);
    this.section = section;
    this.canvas = section.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    section.querySelector("h2").textContent = `${run.name} · seed ${run.seed}${run.isPartial ? " · partial: interrupted" : ""}`;
    this.cells = {};
    for (const name of ["requests", "done", "of these late", "not completed", "mean delay"]) {
      const cell = make("div");
      this.cells[name] = make("dd", NOTHING);
      cell.append(make("dt", name), this.cells[name]);
      section.querySelector("dl").append(cell);
    }
    section.querySelector(".caption").textContent = drawn(run);
    this.paintLegend();
  }

  paintLegend() {
    const legend = this.section.querySelector(".legend"), colours = this.page.colours;
    const entry = (sign, colour, text) => {
      const item = make("li"), mark = make("span", sign, "sign");
      mark.style.color = colour;
      item.append(mark, ` ${text}`);
      return item;
    };
    const seen = new Set(this.columns.migrationOutcome);
    legend.replaceChildren(
      entry("●", colours.runs, "twin runs"),
      entry("●", colours.asks, "asks for a migration"),
      entry("●", colours.moves, "twin moves"),
      entry("●", colours.none, "no twin"),
      ...this.run.outcomes.filter((_, code) => seen.has(code)).map((label) => entry(SIGNS[label], hueOf(label, colours), spaced(label))),
    );
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas, ratio = Math.min(devicePixelRatio || 1, 2);
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    this.camera.resize(Math.max(clientWidth, 1), Math.max(clientHeight, 1));
  }

  moveTo(timeS) {
    const own = Math.min(timeS, this.run.endS);
    this.tracks.moveTo(own);
    this.ledger.moveTo(own);
  }

  paint() {
    const { context, ratio } = this, colours = this.page.colours;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ground.paint(context, colours, ratio);
    this.scene.paint(context, colours);
  }

  tell(timeS) {
    const found = this.figures.at(Math.min(timeS, this.run.endS));
    const write = (name, text) => { if (this.cells[name].textContent !== text) this.cells[name].textContent = text; };
    write("requests", whole(found.requests));
    write("done", whole(found.done));
    write("of these late", whole(found.outcomes.late));
    write("not completed", whole(found.ended - found.done));
    write("mean delay", seconds(found.meanDelayS));
  }

  describe(timeS) {
    const found = this.figures.at(timeS), here = this.tracks.isHere.reduce((sum, is) => sum + is, 0);
    this.canvas.setAttribute("aria-label", `Map of ${this.run.name} at ${moment(timeS, this.run.endS)}: ${here} vehicles, ${this.ledger.open.length} migrations under way, ${found.done} done`);
  }
}

// The box of all zones, masts and ways.
function sceneBox(run, tracks) {
  const lowM = [Infinity, Infinity, 0], highM = [-Infinity, -Infinity, 0];
  const include = (point) => point.forEach((value, k) => {
    lowM[k] = Math.min(lowM[k], value);
    highM[k] = Math.max(highM[k], value);
  });
  for (const { xyzM: [x, y, z], radiusM, ringsM } of run.rsus) {
    include([x - (radiusM ?? 0), y - (radiusM ?? 0), z]);
    include([x + (radiusM ?? 0), y + (radiusM ?? 0), z]);
    for (const ring of ringsM ?? []) for (const [px, py] of ring) include([px, py, 0]);
  }
  tracks.axes.forEach((axis, k) => {
    for (const steps of axis) {
      const value = tracks.originM[k] + tracks.stepM * steps;
      if (value < lowM[k]) lowM[k] = value;
      if (value > highM[k]) highM[k] = value;
    }
  });
  return lowM[0] <= highM[0] ? { lowM, highM } : { lowM: [0, 0, 0], highM: [1, 1, 1] };
}

// What is drawn and how exactly.
function drawn(run) {
  const { oneIn, errorM } = run.tracks, count = run.vehicles.length;
  const who = oneIn === 1 ? `all ${whole(count)} vehicles` : `1 of ${oneIn} of ${whole(count)} vehicles`;
  return `Drawn: ${who}, positions within ${(Math.ceil(errorM * 10) / 10).toFixed(1)} m of the trace.`;
}
