// Running figures of a run: counts and means of what has ended so far, by sums made once.

class Figures {
  constructor(run, columns) {
    this.run = run;
    this.requestedS = Float64Array.from(columns.requestedS).sort();
    this.order = Uint32Array.from(columns.endedS.keys()).sort((a, b) => columns.endedS[a] - columns.endedS[b] || a - b);
    this.endedS = Float64Array.from(this.order, (m) => columns.endedS[m]);
    const count = this.order.length;
    this.done = new Uint32Array(count + 1);
    this.delayS = new Float64Array(count + 1);
    this.payment = new Float64Array(count + 1);
    this.outcome = run.outcomes.map(() => new Uint32Array(count + 1));
    for (let k = 0; k < count; k++) {
      const m = this.order[k], isDone = DONE.includes(columns.migrationOutcome[m]);
      this.done[k + 1] = this.done[k] + (isDone ? 1 : 0);
      this.delayS[k + 1] = this.delayS[k] + (isDone ? columns.totalDelayS[m] : 0);
      this.payment[k + 1] = this.payment[k] + (isDone ? columns.payment[m] : 0);
      this.outcome.forEach((sums, code) => { sums[k + 1] = sums[k] + (code === columns.migrationOutcome[m] ? 1 : 0); });
    }
  }

  at(timeS) {
    const ended = countUpTo(this.endedS, timeS), done = this.done[ended];
    return {
      requests: countUpTo(this.requestedS, timeS),
      ended,
      done,
      meanDelayS: done ? this.delayS[ended] / done : null,
      payment: this.payment[ended],
      outcomes: Object.fromEntries(this.run.outcomes.map((label, code) => [label, this.outcome[code][ended]])),
    };
  }

  // What of the last figures is not what summary.json says; empty if all is well.
  differences() {
    const last = this.at(this.run.endS), summary = this.run.summary, found = [];
    const compare = (name, here, there) => {
      const isSame = here === there || Math.abs(here - there) <= 1e-12 * Math.abs(there);
      if (!isSame) found.push(`${name}: ${here} here, ${there} there`);
    };
    compare("requests", last.requests, summary.requests);
    compare("done", last.done, summary.delay_s.total.n);
    compare("mean delay", last.meanDelayS, summary.delay_s.total.mean);
    for (const [label, count] of Object.entries(summary.outcomes)) compare(label, last.outcomes[label], count);
    return found;
  }
}
