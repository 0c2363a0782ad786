// Where every vehicle is at an instant: a cursor per vehicle that moves with the time.

class Tracks {
  constructor(run, columns) {
    const count = run.vehicles.length;
    this.start = columns.trackStart;
    this.t = columns.trackT;
    this.axes = [columns.trackX, columns.trackY, columns.trackZ];
    this.isLast = columns.trackIsLast;
    this.stepM = run.tracks.stepM;
    this.stepS = run.tracks.stepS;
    this.originM = run.tracks.originM;
    this.cursor = Int32Array.from(this.start.subarray(0, count));
    this.x = new Float64Array(count);
    this.y = new Float64Array(count);
    this.z = new Float64Array(count);
    this.isHere = new Uint8Array(count);
    this.now = -1;
  }

  // Fills x, y, z and isHere for this time.
  moveTo(timeS) {
    const now = timeS / this.stepS, { start, t, cursor, isLast, isHere } = this;
    const [tx, ty, tz] = this.axes, [ox, oy, oz] = this.originM, step = this.stepM;
    const isBack = now < this.now;
    this.now = now;
    for (let v = 0; v < cursor.length; v++) {
      const end = start[v + 1];
      let p = cursor[v];
      if (isBack) p = Math.max(countUpTo(t, now, start[v], end) - 1, start[v]);
      else if (p + 1 < end && t[p + 1] <= now) {
        // A leap is searched for, a step is walked to.
        if (p + 8 < end && t[p + 8] <= now) p = countUpTo(t, now, p + 8, end) - 1;
        else do p++; while (p + 1 < end && t[p + 1] <= now);
      }
      cursor[v] = p;
      const isAway = p >= end || t[p] > now || (isLast[p] === 1 && t[p] < now);
      isHere[v] = isAway ? 0 : 1;
      if (isAway) continue;
      const q = isLast[p] === 1 ? p : p + 1;
      const share = q === p ? 0 : (now - t[p]) / (t[q] - t[p]);
      this.x[v] = ox + step * (tx[p] + share * (tx[q] - tx[p]));
      this.y[v] = oy + step * (ty[p] + share * (ty[q] - ty[p]));
      this.z[v] = oz + step * (tz[p] + share * (tz[q] - tz[p]));
    }
  }

  // Goes through the corners of a vehicle's whole way: visit(x, y, z, whether it came there from the one before).
  walk(vehicle, visit) {
    const [tx, ty, tz] = this.axes, [ox, oy, oz] = this.originM, step = this.stepM;
    for (let p = this.start[vehicle], isDown = false; p < this.start[vehicle + 1]; p++) {
      visit(ox + step * tx[p], oy + step * ty[p], oz + step * tz[p], isDown);
      isDown = this.isLast[p] === 0;
    }
  }
}
