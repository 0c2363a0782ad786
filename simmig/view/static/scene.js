// What moves: vehicles, twins on their way, queues and prices at the RSUs, marks where migrations ended.

const SIGNS = { completed: "●", late: "▲", refused: "■", link_lost: "✖", target_failed: "◆", out_of_coverage: "▼", superseded: "✚", unfinished: "★" };
const HUES = { completed: "#009e73", late: "#e69f00", refused: "#cc79a7", link_lost: "#d55e00", target_failed: "#0072b2", out_of_coverage: "#56b4e9", superseded: "muted", unfinished: "ink" };
const ROOM_PX = { price: 92, name: 62, plate: 24 }; // between RSUs, on the mean, for what is written at them
const SHOWN_S = 1.6; // seconds of the viewer's time for which the end of a migration is seen
const STATES = ["none", "runs", "asks", "moves"]; // of a twin, in the order in which vehicles are painted

function hueOf(outcome, colours) {
  return colours[HUES[outcome]] ?? HUES[outcome];
}

class Scene {
  constructor(run, columns, tracks, ledger, figures, camera) {
    Object.assign(this, { run, columns, tracks, ledger, figures, camera });
    const count = run.vehicles.length;
    this.px = new Float32Array(count);
    this.py = new Float32Array(count);
    this.state = new Uint8Array(count);
    this.isMatch = new Uint8Array(count).fill(1);
    this.rsuPx = new Float32Array(run.rsus.length);
    this.rsuPy = new Float32Array(run.rsus.length);
    this.small = Math.min(1, Math.max(0.6, Math.sqrt(200 / Math.max(count, 1)))); // signs, where there are many
    this.dots = []; // twins on their way: where they were painted
    this.fadeS = SHOWN_S;
    this.isFiltered = false;
    this.outcome = -1; // only migrations that end so; -1: all
    this.hasLinks = count <= 60;
    this.chosen = null;
  }

  paint(context, colours) {
    this.place();
    if (this.chosen?.kind === "vehicle") this.paintWay(context, colours, this.chosen.index);
    if (this.hasLinks) this.paintLinks(context, colours);
    if (this.run.isInSpace && !this.camera.isFlat) this.paintStems(context, colours);
    this.paintVehicles(context, colours);
    this.paintMoves(context, colours);
    this.paintEnds(context, colours);
    this.paintRsus(context, colours);
    this.paintChosen(context, colours);
  }

  // Where everything is on the canvas, and what state each vehicle's twin is in.
  place() {
    const { camera, tracks, ledger, px, py, state } = this;
    for (let v = 0; v < px.length; v++) {
      if (tracks.isHere[v] === 0) {
        px[v] = NaN;
        continue;
      }
      camera.project(tracks.x[v], tracks.y[v], tracks.z[v]);
      px[v] = camera.scale === 0 ? NaN : camera.px;
      py[v] = camera.py;
      const m = ledger.active[v];
      state[v] = m < 0 ? (ledger.host[v] < 0 ? 0 : 1) : ledger.stage[m] === MARK.REQUESTED ? 2 : 3;
    }
    this.run.rsus.forEach(({ xyzM }, j) => {
      camera.project(xyzM[0], xyzM[1], camera.isFlat ? 0 : xyzM[2]);
      this.rsuPx[j] = camera.px;
      this.rsuPy[j] = camera.py;
    });
  }

  paintVehicles(context, colours) {
    const { px, py, state, isMatch } = this, count = px.length;
    const size = Math.max(3, Math.min(9, 3 + 40 / Math.sqrt(count)) * Math.min(1.6, Math.max(1, Math.sqrt(this.camera.zoom)))), half = size / 2;
    const { width, height } = this.camera;
    for (let pass = 0; pass < 5; pass++) {
      // First those that the filters leave out, faint; then state by state, what moves last and so on top.
      const isFaint = pass === 0;
      if (isFaint && !this.isFiltered) continue;
      context.globalAlpha = isFaint ? 0.15 : 1;
      context.fillStyle = colours[STATES[isFaint ? 0 : pass - 1]];
      const isRound = !isFaint && count <= 1500;
      if (isRound) context.beginPath();
      for (let v = 0; v < count; v++) {
        const x = px[v], y = py[v];
        if (!(x > -9 && x < width + 9 && y > -9 && y < height + 9) || (isFaint ? isMatch[v] === 1 : isMatch[v] === 0 || state[v] !== pass - 1)) continue;
        if (isRound) {
          context.moveTo(x + half, y);
          context.arc(x, y, half, 0, 2 * Math.PI);
        } else context.fillRect(x - half, y - half, size, size);
      }
      if (isRound) {
        context.fill();
        context.lineWidth = 1;
        context.strokeStyle = colours.halo;
        context.stroke();
      }
    }
    context.globalAlpha = 1;
  }

  paintStems(context, colours) {
    const { camera, tracks, px, py } = this;
    context.beginPath();
    for (let v = 0; v < px.length; v++) {
      if (!(px[v] === px[v])) continue;
      camera.project(tracks.x[v], tracks.y[v], 0);
      context.moveTo(px[v], py[v]);
      context.lineTo(camera.px, camera.py);
    }
    context.strokeStyle = colours.faint;
    context.lineWidth = 1;
    context.stroke();
  }

  paintLinks(context, colours) {
    const { px, py, ledger } = this;
    context.beginPath();
    for (let v = 0; v < px.length; v++) {
      const host = ledger.host[v];
      if (!(px[v] === px[v]) || host < 0 || this.isMatch[v] === 0) continue;
      context.moveTo(px[v], py[v]);
      context.lineTo(this.rsuPx[host], this.rsuPy[host]);
    }
    context.strokeStyle = colours.runs;
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    context.stroke();
    context.globalAlpha = 1;
  }

  // Copies under way: an arc from where the twin leaves to where it goes, and the twin on it.
  paintMoves(context, colours) {
    const { columns: c, ledger } = this;
    this.dots.length = 0;
    context.strokeStyle = colours.moves;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.6;
    context.beginPath();
    for (const m of ledger.open) if (ledger.stage[m] === MARK.COPYING && this.isShown(m)) this.traceArc(context, m);
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = colours.moves;
    context.strokeStyle = colours.halo;
    context.lineWidth = 1.5;
    for (const { px, py } of this.dots) {
      context.beginPath();
      context.arc(px, py, 5 * this.small, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    for (const m of ledger.open) {
      const v = c.migrationVehicle[m];
      if (ledger.stage[m] !== MARK.REQUESTED || !(this.px[v] === this.px[v]) || !this.isShown(m)) continue;
      context.strokeStyle = colours.asks;
      context.beginPath();
      context.arc(this.px[v], this.py[v], 9 * this.small, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  traceArc(context, m) {
    const { columns: c, ledger } = this, target = c.migrationTarget[m], v = c.migrationVehicle[m];
    const isFromVehicle = this.run.isSentByVehicles && this.px[v] === this.px[v];
    const x0 = isFromVehicle ? this.px[v] : this.rsuPx[c.migrationSource[m]], y0 = isFromVehicle ? this.py[v] : this.rsuPy[c.migrationSource[m]];
    const x2 = this.rsuPx[target], y2 = this.rsuPy[target];
    const x1 = (x0 + x2) / 2, y1 = (y0 + y2) / 2 - 0.3 * Math.hypot(x2 - x0, y2 - y0);
    context.moveTo(x0, y0);
    context.quadraticCurveTo(x1, y1, x2, y2);
    const endS = Number.isNaN(c.transferEndS[m]) ? c.endedS[m] : c.transferEndS[m];
    const share = Math.min(1, (ledger.now - c.transferStartS[m]) / Math.max(endS - c.transferStartS[m], 1e-9)), rest = 1 - share;
    this.dots.push({ m, px: rest * rest * x0 + 2 * rest * share * x1 + share * share * x2, py: rest * rest * y0 + 2 * rest * share * y1 + share * share * y2 });
  }

  isShown(m) {
    return this.isMatch[this.columns.migrationVehicle[m]] === 1 && (this.outcome < 0 || this.columns.migrationOutcome[m] === this.outcome);
  }

  // The ends of a moment ago, by outcome, fading where the vehicle is, or at its RSU.
  paintEnds(context, colours) {
    const { columns: c, figures, ledger } = this;
    const last = countUpTo(figures.endedS, ledger.now);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `${Math.round(13 * this.small)}px system-ui, sans-serif`;
    for (let k = last - 1; k >= 0 && k > last - 400 && figures.endedS[k] > ledger.now - this.fadeS; k--) {
      const m = figures.order[k], v = c.migrationVehicle[m];
      if (!this.isShown(m)) continue;
      let x = this.px[v], y = this.py[v];
      if (!(x === x)) [x, y] = [this.rsuPx[c.migrationSource[m]], this.rsuPy[c.migrationSource[m]]];
      const outcome = this.run.outcomes[c.migrationOutcome[m]], age = (ledger.now - figures.endedS[k]) / this.fadeS;
      context.globalAlpha = 1 - age;
      context.fillStyle = hueOf(outcome, colours);
      context.fillText(SIGNS[outcome], x, y - (10 + 12 * age) * this.small);
    }
    context.globalAlpha = 1;
  }

  // An RSU: a plate with the number of twins that it runs, its price above, its queue below, its name.
  paintRsus(context, colours) {
    const { ledger, run, camera } = this, { lowM, highM } = camera.box;
    const roomPx = camera.pxPerM * Math.sqrt(((highM[0] - lowM[0]) * (highM[1] - lowM[1])) / Math.max(run.rsus.length, 1));
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    run.rsus.forEach((rsu, j) => {
      const x = this.rsuPx[j], y = this.rsuPy[j];
      if (!(x > -40 && x < camera.width + 40 && y > -40 && y < camera.height + 40)) return;
      if (roomPx < ROOM_PX.plate) {
        context.fillStyle = ledger.downs[j] ? colours.moves : colours.mast;
        context.fillRect(x - 3, y - 3, 6, 6);
        return;
      }
      const isDown = ledger.downs[j] > 0, label = isDown ? "✕" : String(ledger.hosted[j]), half = label.length > 2 ? 12 : 9;
      context.fillStyle = isDown ? colours.moves : colours.mast;
      context.beginPath();
      context.roundRect(x - half, y - 8, 2 * half, 16, 4);
      context.fill();
      context.fillStyle = colours.map;
      context.font = "600 11px system-ui, sans-serif";
      context.fillText(label, x, y + 0.5);
      this.paintQueue(context, colours, j, x, y + 12);
      if (roomPx < ROOM_PX.name) return;
      const price = ledger.price[j], text = Number.isNaN(price) || roomPx < ROOM_PX.price ? rsu.name : `${rsu.name} · ${number(price, 3)}`;
      this.label(context, text.length > 26 ? `${text.slice(0, 25)}…` : text, x, y - 15, colours);
    });
  }

  label(context, text, x, y, colours) {
    context.font = "11px system-ui, sans-serif";
    context.strokeStyle = colours.halo;
    context.lineWidth = 3;
    context.strokeText(text, x, y);
    context.fillStyle = colours.ink;
    context.fillText(text, x, y);
  }

  // One square for each twin: filled while it is re-instantiated, empty while it waits.
  paintQueue(context, colours, j, x, y) {
    const { serving, waiting } = this.ledger, all = Math.min(serving[j] + waiting[j], 10);
    context.strokeStyle = context.fillStyle = colours.moves;
    context.lineWidth = 1.2;
    for (let k = 0; k < all; k++) {
      const left = x - 4 * all + 8 * k + 0.5;
      if (k < serving[j]) context.fillRect(left, y, 6, 6);
      else context.strokeRect(left, y, 6, 6);
    }
    if (serving[j] + waiting[j] > 10) this.label(context, `+${serving[j] + waiting[j] - 10}`, x + 52, y + 3, colours);
  }

  paintWay(context, colours, vehicle) {
    context.beginPath();
    this.tracks.walk(vehicle, (x, y, z, isDown) => {
      this.camera.project(x, y, z);
      if (isDown) context.lineTo(this.camera.px, this.camera.py);
      else context.moveTo(this.camera.px, this.camera.py);
    });
    context.strokeStyle = colours.muted;
    context.lineWidth = 1.2;
    context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
  }

  paintChosen(context, colours) {
    const spot = this.chosen && this.spotOf(this.chosen);
    if (!spot || Number.isNaN(spot[0])) return;
    context.strokeStyle = colours.accent;
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(spot[0], spot[1], this.chosen.kind === "rsu" ? 19 : 12, 0, 2 * Math.PI);
    context.stroke();
    const host = this.chosen.kind === "vehicle" ? this.ledger.host[this.chosen.index] : -1;
    if (host < 0) return;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(spot[0], spot[1]);
    context.lineTo(this.rsuPx[host], this.rsuPy[host]);
    context.stroke();
  }

  // Where something chosen is on the canvas: a vehicle, an RSU, or a migration's twin, else its vehicle.
  spotOf({ kind, index }) {
    if (kind === "rsu") return [this.rsuPx[index], this.rsuPy[index]];
    const dot = kind === "migration" ? this.dots.find(({ m }) => m === index) : undefined;
    if (dot) return [dot.px, dot.py];
    const v = kind === "vehicle" ? index : this.columns.migrationVehicle[index];
    return [this.px[v], this.py[v]];
  }

  // What is at a pixel: a twin on its way, an RSU, a vehicle, or null.
  pick(x, y) {
    const near = (px, py, reach) => Math.hypot(px - x, py - y) <= reach;
    const dot = this.dots.find(({ px, py }) => near(px, py, 9));
    if (dot) return { kind: "migration", index: dot.m };
    let best = null, least = 14;
    for (let v = 0; v < this.px.length; v++) {
      const away = Math.hypot(this.px[v] - x, this.py[v] - y);
      if (away < least) [best, least] = [{ kind: "vehicle", index: v }, away];
    }
    if (best && least < 7) return best;
    for (let j = 0; j < this.rsuPx.length; j++) if (near(this.rsuPx[j], this.rsuPy[j], 15)) return { kind: "rsu", index: j };
    return best;
  }
}
