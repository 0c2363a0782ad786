// The lists beside the map: RSUs, migrations that ended, what the run is; and the filters on them and on the map.

const ROWS = 100; // of a list; the filters find the others

class Filters {
  constructor(onChange) {
    this.fields = Object.fromEntries(["vehicle", "fleet", "rsu", "outcome"].map((name) => [name, document.getElementById(`by-${name}`)]));
    for (const field of Object.values(this.fields)) field.addEventListener("input", onChange);
  }

  // Offers what this run has, and keeps what was chosen where the run has it too.
  offer({ run }) {
    const fill = (field, all, names) => {
      const kept = field.value;
      field.replaceChildren(new Option(all, ""), ...names.map((name, k) => new Option(spaced(name), String(k))));
      field.value = [...field.options].some((option) => option.value === kept) ? kept : "";
    };
    fill(this.fields.fleet, "all fleets", run.fleets.map(({ name }) => name));
    fill(this.fields.rsu, "all RSUs", run.rsus.map(({ name }) => name));
    fill(this.fields.outcome, "all outcomes", run.outcomes);
    this.fields.fleet.disabled = run.fleets.length < 2;
  }

  chosen(name) {
    return this.fields[name].value === "" ? -1 : Number(this.fields[name].value);
  }

  // Marks the vehicles that pass: by name, by fleet, and by where their twin is.
  applyTo({ run, columns, scene, ledger }) {
    const text = this.fields.vehicle.value.trim().toLowerCase(), fleet = this.chosen("fleet"), rsu = this.chosen("rsu");
    scene.outcome = this.chosen("outcome");
    scene.isFiltered = text !== "" || fleet >= 0 || rsu >= 0;
    for (let v = 0; v < scene.isMatch.length; v++) {
      const m = ledger.active[v];
      const isAt = rsu < 0 || ledger.host[v] === rsu || (m >= 0 && (columns.migrationSource[m] === rsu || columns.migrationTarget[m] === rsu));
      scene.isMatch[v] = isAt && (fleet < 0 || columns.fleet[v] === fleet) && (text === "" || run.vehicles[v].toLowerCase().includes(text)) ? 1 : 0;
    }
  }

  passes({ run, columns: c }, m) {
    const text = this.fields.vehicle.value.trim().toLowerCase(), v = c.migrationVehicle[m];
    const [fleet, rsu, outcome] = ["fleet", "rsu", "outcome"].map((name) => this.chosen(name));
    return (outcome < 0 || c.migrationOutcome[m] === outcome) && (fleet < 0 || c.fleet[v] === fleet) && (rsu < 0 || c.migrationSource[m] === rsu || c.migrationTarget[m] === rsu) && (text === "" || run.vehicles[v].toLowerCase().includes(text));
  }
}

// The table of RSUs: built once for a run, its numbers written anew.
class RsuList {
  constructor(element, pane, filters, actions) {
    Object.assign(this, { pane, filters });
    const table = make("table"), head = make("tr"), body = make("tbody");
    for (const name of ["RSU", "twins", "queue", "price", "selling"]) {
      const cell = make("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const top = make("thead");
    top.append(head);
    this.rows = pane.run.rsus.slice(0, ROWS).map((_, j) => {
      const row = make("tr"), cells = Array.from({ length: 4 }, () => make("td")), first = make("td");
      first.append(rsuLink(pane, j, actions));
      row.append(first, ...cells);
      body.append(row);
      return { row, cells };
    });
    table.append(top, body);
    element.replaceChildren(table);
    const beyond = pane.run.rsus.length - ROWS;
    if (beyond > 0) element.append(make("p", `and ${whole(beyond)} more, which the filter and the map show`, "note"));
  }

  tell() {
    const { ledger, scene } = this.pane, only = this.filters.chosen("rsu");
    this.rows.forEach(({ row, cells }, j) => {
      row.hidden = only >= 0 && only !== j;
      row.className = [scene.chosen?.kind === "rsu" && scene.chosen.index === j ? "is-chosen" : "", ledger.downs[j] ? "is-down" : ""].join(" ").trim();
      const texts = [whole(ledger.hosted[j]), `${ledger.waiting[j]} + ${ledger.serving[j]}`, number(ledger.price[j], 3), ledger.copying[j] ? megahertz(ledger.bandwidthHz[j]) : NOTHING];
      texts.forEach((text, k) => { if (cells[k].textContent !== text) cells[k].textContent = text; });
    });
  }
}

// The migrations that ended so far, the latest first.
class EventList {
  constructor(element, pane, filters, actions) {
    Object.assign(this, { element, pane, filters, actions, told: "" });
  }

  tell() {
    const { figures, ledger } = this.pane, last = countUpTo(figures.endedS, ledger.now);
    const wanted = `${last} ${Object.values(this.filters.fields).map((field) => field.value).join(" ")} ${this.actions.colours().name}`;
    if (wanted === this.told) return;
    this.told = wanted;
    const found = [];
    for (let k = last - 1; k >= 0 && found.length < ROWS; k--) if (this.filters.passes(this.pane, figures.order[k])) found.push(figures.order[k]);
    const list = make("ul", "", "events");
    for (const m of found) list.append(eventItem(this.pane, m, this.actions));
    const text = found.length === ROWS ? `the latest ${ROWS} that pass the filters` : `${whole(found.length)} ended so far that pass the filters`;
    this.element.replaceChildren(make("p", text, "note"), list);
  }
}

// What ran, and whether the figures at the end are those of the tables.
function about({ run, figures }) {
  const differences = figures.differences(), agents = Object.entries(run.agents).map(([side, agent]) => `${side}: ${agent}`).join(", ");
  const parts = [
    facts([["scenario", run.name], ["seed", String(run.seed)], ["agents", agents || "none: no market"], ["digest", run.digest ?? "none: interrupted"], ["folder", run.folder], ["simulated", `${number(run.endS)} s`]]),
    make("p", differences.length === 0 ? "At the end the running figures are those of summary.json." : `Not as in summary.json: ${differences.join("; ")}`, differences.length ? "" : "note"),
    make("p", drawn(run), "note"),
    make("p", "A queue holds the migrating twins that wait at their target (empty squares) or are re-instantiated there, starting (filled). A plate shows how many twins an RSU runs, and beside its name the price of its last round. An arc is a copy under way.", "note"),
  ];
  if (run.isPartial) parts.push(make("p", "This run was interrupted: twins that never moved are not known.", "note"));
  if (run.description) parts.unshift(make("p", run.description));
  return parts;
}
