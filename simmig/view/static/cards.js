// What is chosen, in numbers: a vehicle, an RSU, a migration.

const MOMENTS = [["requested", "requestedS"], ["decided", "decidedS"], ["copy starts", "transferStartS"], ["copy ends", "transferEndS"], ["queued", "queuedS"], ["re-instantiation starts", "serviceStartS"], ["ended", "endedS"]];
const PARTS = [["decision", "decisionDelayS", "#56b4e9"], ["copy", "transferDelayS", "#d55e00"], ["queue", "queueDelayS", "#e69f00"], ["re-instantiation", "reinstantiationDelayS", "#009e73"]];
const LISTED = 6; // migrations of a vehicle, twins of an RSU times two

function makeCard(pane, chosen, actions) {
  if (!chosen) return [make("h3", "Nothing chosen"), make("p", "Click a vehicle, an RSU or a twin on its way, or choose from the lists below.", "note")];
  return { vehicle: vehicleCard, rsu: rsuCard, migration: migrationCard }[chosen.kind](pane, chosen.index, actions);
}

function vehicleCard(pane, v, actions) {
  const { run, columns: c, ledger, tracks, scene } = pane, fleet = run.fleets[c.fleet[v]];
  const state = { none: "no twin runs", runs: "twin runs", asks: "asks for a migration", moves: "twin moves" }[STATES[scene.state[v]]];
  const place = tracks.isHere[v] ? tracks.axes.map((_, k) => `${Math.round([tracks.x, tracks.y, tracks.z][k][v])}`).slice(0, run.isInSpace ? 3 : 2).join(", ") + " m" : "not on the map now";
  const past = c.vehicleOrder.subarray(c.vehicleStart[v], c.vehicleStart[v + 1]).filter((m) => c.requestedS[m] <= ledger.now);
  const list = make("ul", "", "events");
  for (const m of past.slice(-LISTED).reverse()) list.append(eventItem(pane, m, actions, false));
  return [
    make("h3", run.vehicles[v]),
    facts([
      ["fleet", `${fleet.name} (${fleet.kind.toUpperCase()})`],
      ["twin at", ledger.host[v] < 0 ? NOTHING : rsuLink(pane, ledger.host[v], actions)],
      ["state", tracks.isHere[v] ? state : NOTHING],
      ["position", place],
    ]),
    make("h4", `${whole(past.length)} requests so far${past.length > LISTED ? `, the last ${LISTED}` : ""}`),
    list,
  ];
}

function rsuCard(pane, j, actions) {
  const { run, columns: c, ledger } = pane, rows = c.roundOrder.subarray(c.roundStart[j], c.roundStart[j + 1]);
  const parts = [
    make("h3", run.rsus[j].name),
    facts([
      ["twins hosted", whole(ledger.hosted[j])],
      ["queue", `${whole(ledger.waiting[j])} waiting, ${whole(ledger.serving[j])} starting`],
      ["copies coming in", `${whole(ledger.copying[j])} at ${megahertz(ledger.bandwidthHz[j])}`],
      ["price", number(ledger.price[j])],
      ["sold in last round", megahertz(ledger.demandHz[j])],
      ["twins in, out so far", `${whole(ledger.twinsIn[j])}, ${whole(ledger.twinsOut[j])}`],
      ["revenue so far", number(ledger.revenue[j])],
      ["bandwidth × time sold", `${number(ledger.soldHzS[j] / 1e6)} MHz·s`],
      ["state", ledger.downs[j] ? "down" : "works"],
    ]),
  ];
  if (rows.length) {
    const canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Price of ${run.rsus[j].name} over the run`);
    parts.push(make("h4", "price, round by round"), canvas);
    actions.later(() => stepChart(canvas, rows.length ? Array.from(rows, (k) => c.roundTimeS[k]) : [], Array.from(rows, (k) => c.roundPrice[k]), run.endS, ledger.now, actions.colours()));
  }
  const twins = [];
  for (let v = 0; v < ledger.host.length; v++) if (ledger.host[v] === j) twins.push(v);
  const line = make("p");
  twins.slice(0, 2 * LISTED).forEach((v, k) => line.append(k ? ", " : "", vehicleLink(pane, v, actions)));
  if (twins.length > 2 * LISTED) line.append(`, and ${whole(twins.length - 2 * LISTED)} more`);
  if (twins.length) parts.push(make("h4", "hosts the twins of"), line);
  return parts;
}

function migrationCard(pane, m, actions) {
  const { run, columns: c } = pane, outcome = run.outcomes[c.migrationOutcome[m]], bar = make("div", "", "parts");
  const known = PARTS.filter(([, name]) => c[name][m] > 0), sum = known.reduce((all, [, name]) => all + c[name][m], 0);
  for (const [label, name, hue] of known) {
    const part = make("span");
    part.style.flexGrow = c[name][m] / sum;
    part.style.background = hue;
    part.title = `${label}: ${seconds(c[name][m])}`;
    bar.append(part);
  }
  const delays = PARTS.map(([label, name, hue]) => {
    const value = make("span");
    const mark = make("span", "■ ", "sign");
    mark.style.color = hue;
    value.append(mark, seconds(c[name][m]));
    return [label, value];
  });
  const source = c.migrationSource[m], target = c.migrationTarget[m], way = make("span");
  way.append(source < 0 ? NOTHING : rsuLink(pane, source, actions), " → ", target < 0 ? NOTHING : rsuLink(pane, target, actions));
  const doing = make("div", "", "actions");
  doing.append(button("go to its start", "", () => actions.goTo(c.requestedS[m])), button("its vehicle", "", () => actions.choose(pane, { kind: "vehicle", index: c.migrationVehicle[m] })));
  return [
    make("h3", `${SIGNS[outcome]} ${spaced(outcome)}: migration ${m}`),
    facts([["vehicle", vehicleLink(pane, c.migrationVehicle[m], actions)], ["from, to", way], ["total delay", seconds(c.totalDelayS[m])]]),
    bar,
    facts([...delays, ["interruption", seconds(c.interruptionS[m])], ["deadline", seconds(c.deadlineS[m])]]),
    make("h4", "what was moved and bought"),
    facts([["data", `${number(c.dataBit[m] / 1e6)} Mbit`], ["bandwidth", megahertz(c.bandwidthHz[m])], ["price, payment", `${number(c.price[m])}, ${number(c.payment[m])}`]]),
    make("h4", "moments"),
    facts(MOMENTS.map(([label, name]) => [label, Number.isNaN(c[name][m]) ? NOTHING : `${c[name][m].toFixed(3)} s`])),
    doing,
  ];
}

function vehicleLink(pane, v, actions) {
  return button(pane.run.vehicles[v], "link", () => actions.choose(pane, { kind: "vehicle", index: v }));
}

function rsuLink(pane, j, actions) {
  return button(pane.run.rsus[j].name, "link", () => actions.choose(pane, { kind: "rsu", index: j }));
}

// A line of a list for one migration: how it ended, when, who, its delay.
function eventItem(pane, m, actions, isNamed = true) {
  const { run, columns: c, ledger } = pane, item = make("li"), isOver = c.endedS[m] <= ledger.now;
  const outcome = run.outcomes[c.migrationOutcome[m]], source = c.migrationSource[m], target = c.migrationTarget[m];
  const found = button("", "", () => actions.choose(pane, { kind: "migration", index: m }));
  const sign = make("span", isOver ? SIGNS[outcome] : "…", "sign");
  if (isOver) sign.style.color = hueOf(outcome, actions.colours());
  const way = `${source < 0 ? NOTHING : run.rsus[source].name} → ${target < 0 ? NOTHING : run.rsus[target].name}`;
  const who = isNamed ? `${run.vehicles[c.migrationVehicle[m]]}: ${way}` : way;
  found.append(sign, make("span", moment(isOver ? c.endedS[m] : c.requestedS[m], run.endS)), make("span", who, "who"), make("span", isOver ? seconds(c.totalDelayS[m]) : "under way"));
  found.title = `${isOver ? spaced(outcome) : "under way"}: ${who}`;
  item.append(found);
  return item;
}
