// The state of a run at an instant, kept by going through its marks: where twins are, queues, prices, sales.

const MARK = { PLACED: 0, REQUESTED: 1, COPYING: 2, COPIED: 3, WAITING: 4, SERVED: 5, ENDED: 6, PRICED: 7, DOWN: 8, UP: 9 };
const DONE = [0, 1]; // outcomes completed and late: the twin runs at the target

class Ledger {
  constructor(run, columns) {
    this.columns = columns;
    const { placedS, requestedS, transferStartS, transferEndS, queuedS, serviceStartS, endedS, roundTimeS, faultS } = columns;
    // When a mark's subject was marked, by kind.
    this.times = [placedS, requestedS, transferStartS, transferEndS, queuedS, serviceStartS, endedS, roundTimeS, faultS, faultS];
    this.vehicles = run.vehicles.length;
    this.rsus = run.rsus.length;
    this.host = new Int32Array(this.vehicles); // -1: nowhere
    this.active = new Int32Array(this.vehicles); // the vehicle's migration under way, -1
    this.stage = new Uint8Array(columns.migrationVehicle.length); // a mark's kind, 0 before and after
    this.slot = new Int32Array(columns.migrationVehicle.length); // where in `open` a migration is
    this.open = []; // migrations under way
    for (const name of ["hosted", "copying", "waiting", "serving", "twinsIn", "twinsOut", "downs"]) this[name] = new Int32Array(this.rsus);
    for (const name of ["price", "demandHz", "bandwidthHz", "soldHzS", "revenue"]) this[name] = new Float64Array(this.rsus);
    this.rewind();
  }

  rewind() {
    this.next = 0;
    this.now = -Infinity;
    this.open.length = 0;
    this.host.fill(-1);
    this.active.fill(-1);
    for (const name of ["stage", "hosted", "copying", "waiting", "serving", "twinsIn", "twinsOut", "downs"]) this[name].fill(0);
    for (const name of ["bandwidthHz", "soldHzS", "revenue"]) this[name].fill(0);
    this.price.fill(NaN);
    this.demandHz.fill(NaN);
  }

  moveTo(timeS) {
    if (timeS < this.now) this.rewind();
    this.now = timeS;
    const { markKind, markSubject } = this.columns;
    while (this.next < markKind.length && this.times[markKind[this.next]][markSubject[this.next]] <= timeS) {
      this.apply(markKind[this.next], markSubject[this.next]);
      this.next++;
    }
  }

  apply(kind, subject) {
    if (kind >= MARK.REQUESTED && kind <= MARK.ENDED) this.applyMigration(kind, subject);
    else if (kind === MARK.PLACED) {
      this.host[subject] = this.columns.firstHost[subject];
      this.hosted[this.host[subject]]++;
    } else if (kind === MARK.PRICED) {
      const rsu = this.columns.roundRsu[subject];
      this.price[rsu] = this.columns.roundPrice[subject];
      this.demandHz[rsu] = this.columns.roundDemandHz[subject];
    } else this.downs[this.columns.faultRsu[subject]] += kind === MARK.DOWN ? 1 : -1;
  }

  applyMigration(kind, m) {
    const c = this.columns, target = c.migrationTarget[m], vehicle = c.migrationVehicle[m];
    this.leaveStage(m, target);
    if (kind === MARK.ENDED) {
      this.end(m, vehicle, target);
      return;
    }
    this.stage[m] = kind;
    if (kind === MARK.REQUESTED) {
      this.slot[m] = this.open.length;
      this.open.push(m);
      this.active[vehicle] = m;
    } else if (kind === MARK.COPYING) {
      this.copying[target]++;
      this.bandwidthHz[target] += c.bandwidthHz[m];
      if (this.host[vehicle] >= 0) this.hosted[this.host[vehicle]]--;
      this.host[vehicle] = -1;
    } else if (kind === MARK.WAITING) this.waiting[target]++;
    else if (kind === MARK.SERVED) this.serving[target]++;
  }

  leaveStage(m, target) {
    const stage = this.stage[m];
    if (stage === MARK.COPYING) {
      this.copying[target]--;
      this.bandwidthHz[target] -= this.columns.bandwidthHz[m];
      if (this.copying[target] === 0) this.bandwidthHz[target] = 0; // no crumbs of rounding
    } else if (stage === MARK.WAITING) this.waiting[target]--;
    else if (stage === MARK.SERVED) this.serving[target]--;
  }

  end(m, vehicle, target) {
    const c = this.columns, source = c.migrationSource[m];
    if (DONE.includes(c.migrationOutcome[m])) {
      this.host[vehicle] = target;
      this.hosted[target]++;
      this.twinsIn[target]++;
      this.twinsOut[source]++;
      this.revenue[target] += c.payment[m];
      this.soldHzS[target] += c.bandwidthHz[m] * (c.transferEndS[m] - c.transferStartS[m]);
    } else if (this.stage[m] >= MARK.COPYING) {
      this.host[vehicle] = source;
      this.hosted[source]++;
    }
    this.stage[m] = 0;
    if (this.active[vehicle] === m) this.active[vehicle] = -1;
    const last = this.open.pop(); // the last one takes the place of the one that left
    if (last !== m) {
      this.open[this.slot[m]] = last;
      this.slot[last] = this.slot[m];
    }
  }
}
