// The page: reads its runs, makes a pane for each, paints when something has changed.

const TELL_MS = 150; // between two writings of text while it plays
const COLOURS = ["ink", "muted", "grid", "faint", "accent", "map", "mesh", "way", "zone", "mast", "runs", "moves", "asks", "none", "halo"];
const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.isDirty = true;
    this.toldMs = -Infinity;
    this.paintMs = 0; // how long the last frame's script took
    this.isFlat = true;
    this.setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
    this.filters = new Filters(() => this.touch());
    this.delayed = [];
    this.actions = {
      choose: (pane, chosen) => this.choose(pane, chosen),
      goTo: (timeS) => this.clock.moveTo(timeS),
      colours: () => this.colours,
      later: (work) => this.delayed.push(work),
    };
  }

  async open() {
    const runs = [...document.querySelectorAll("script.run")].map((element) => JSON.parse(element.textContent));
    this.panes = [];
    for (const run of runs) {
      const columns = await unpack(run.layout, run.columns);
      indexBy(columns, "vehicle", columns.migrationVehicle, run.vehicles.length);
      indexBy(columns, "round", columns.roundRsu, run.rsus.length);
      this.panes.push(new Pane(run, columns, this));
    }
    this.clock = new Clock(Math.max(...runs.map(({ endS }) => endS)), () => this.touch());
    byId("panes").replaceChildren(...this.panes.map(({ section }) => section));
    this.shareCameras();
    this.panes.forEach((pane) => steer(pane, this));
    this.bind();
    this.makeWhich();
    this.show(this.panes[0]);
    if (runs.some(({ isInSpace }) => isInSpace)) this.setPerspective(true);
    byId("links").setAttribute("aria-pressed", String(this.panes[0].scene.hasLinks));
    new ResizeObserver(() => this.resize()).observe(byId("panes"));
    this.resize();
    requestAnimationFrame((ms) => this.frame(ms));
  }

  // Runs of one scene are looked at through one camera.
  shareCameras() {
    const [first, second] = this.panes;
    if (!second || JSON.stringify(first.run.rsus) !== JSON.stringify(second.run.rsus)) return;
    second.camera = second.ground.camera = second.scene.camera = first.camera;
  }

  touch() {
    this.isDirty = true;
  }

  frame(ms) {
    this.clock.tick(ms);
    if (this.clock.isPlaying || this.isDirty) this.draw(ms);
    requestAnimationFrame((next) => this.frame(next));
  }

  draw(ms) {
    const startMs = performance.now(), wasTouched = this.isDirty;
    this.isDirty = false;
    for (const pane of this.panes) {
      pane.moveTo(this.clock.timeS);
      pane.scene.fadeS = SHOWN_S * this.clock.speed;
      this.filters.applyTo(pane);
      pane.paint();
    }
    if (wasTouched || ms - this.toldMs > TELL_MS) {
      this.tell();
      this.toldMs = ms;
    }
    this.paintMs = performance.now() - startMs;
  }

  tell() {
    this.clock.tell();
    for (const pane of this.panes) {
      pane.tell(this.clock.timeS);
      if (!this.clock.isPlaying) pane.describe(Math.min(this.clock.timeS, pane.run.endS));
    }
    this.tellCard();
    if (!byId("list-rsus").hidden) this.rsuList.tell();
    if (!byId("list-events").hidden) this.eventList.tell();
  }

  // Writes the card anew, unless the reader is just using it.
  tellCard() {
    const card = byId("card"), { scene } = this.shown, wanted = `${this.panes.indexOf(this.shown)} ${JSON.stringify(scene.chosen)}`;
    if (this.clock.isPlaying && card.matches(":hover, :focus-within") && this.cardOf === wanted) return;
    const isInCard = card.contains(document.activeElement), place = card.scrollTop;
    card.replaceChildren(...makeCard(this.shown, scene.chosen, this.actions));
    if (this.cardOf === wanted) card.scrollTop = place;
    if (isInCard) card.querySelector("button")?.focus();
    this.cardOf = wanted;
    this.delayed.splice(0).forEach((work) => work());
  }

  show(pane) {
    this.shown = pane;
    this.panes.forEach((each) => each.section.classList.toggle("is-chosen", this.panes.length > 1 && each === pane));
    [...byId("which").children].forEach((each, k) => each.setAttribute("aria-checked", String(this.panes[k] === pane)));
    this.filters.offer(pane);
    this.rsuList = new RsuList(byId("list-rsus"), pane, this.filters, this.actions);
    this.eventList = new EventList(byId("list-events"), pane, this.filters, this.actions);
    byId("list-about").replaceChildren(...about(pane));
    this.touch();
  }

  choose(pane, chosen) {
    pane.scene.chosen = chosen;
    if (pane !== this.shown) this.show(pane);
    this.touch();
  }

  makeWhich() {
    byId("which").hidden = this.panes.length < 2;
    byId("which").replaceChildren(...this.panes.map((pane, k) => {
      const found = button(`${k + 1}: ${pane.run.name} · seed ${pane.run.seed}`, "", () => this.show(pane));
      found.setAttribute("role", "radio");
      return found;
    }));
  }

  bind() {
    byId("perspective").addEventListener("click", () => this.setPerspective(this.isFlat));
    byId("lift").addEventListener("change", () => this.eachCamera((camera) => { camera.lift = Number(byId("lift").value); }));
    byId("links").addEventListener("click", () => this.setLinks(byId("links").getAttribute("aria-pressed") !== "true"));
    byId("fit").addEventListener("click", () => this.eachCamera((camera) => camera.reset()));
    byId("theme").addEventListener("click", () => this.setTheme(document.documentElement.dataset.theme !== "dark"));
    byId("keys").addEventListener("click", () => {
      byId("help").hidden = !byId("help").hidden;
      byId("keys").setAttribute("aria-expanded", String(!byId("help").hidden));
    });
    bindTabs(this);
    document.addEventListener("keydown", (event) => onKey(event, this));
  }

  eachCamera(work) {
    for (const camera of new Set(this.panes.map((pane) => pane.camera))) {
      work(camera);
      camera.update();
    }
    this.touch();
  }

  setPerspective(isOn) {
    this.isFlat = !isOn;
    byId("perspective").setAttribute("aria-pressed", String(isOn));
    byId("lift").parentElement.hidden = !isOn;
    this.eachCamera((camera) => { camera.isFlat = !isOn; });
  }

  setLinks(isOn) {
    byId("links").setAttribute("aria-pressed", String(isOn));
    for (const pane of this.panes) pane.scene.hasLinks = isOn;
    this.touch();
  }

  setTheme(isDark) {
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    const style = getComputedStyle(document.documentElement);
    this.colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.colours.name = isDark ? "dark" : "light";
    for (const pane of this.panes ?? []) pane.paintLegend();
    if (this.panes) this.resize();
    this.touch();
  }

  resize() {
    this.panes.forEach((pane) => pane.resize());
    densityChart(byId("density"), this.panes.map(({ figures }) => figures.requestedS), this.clock.endS, this.colours);
    this.touch();
  }
}

// Adds `nameOrder` and `nameStart`: the rows of each owner side by side, in their order.
function indexBy(columns, name, owner, count) {
  const start = new Uint32Array(count + 1), order = new Uint32Array(owner.length);
  for (const k of owner) if (k >= 0) start[k + 1]++;
  for (let k = 0; k < count; k++) start[k + 1] += start[k];
  const next = start.slice();
  owner.forEach((k, row) => { if (k >= 0) order[next[k]++] = row; });
  columns[`${name}Order`] = order;
  columns[`${name}Start`] = start;
}

const page = new Page();
page.open().catch((error) => {
  byId("panes").replaceChildren(make("p", `This browser cannot show the replay: ${error.message}`, "wait"));
  throw error;
});

// For tests and for the browser's console: where the replay is, and a way to move it.
window.simmigReplay = Object.freeze({
  page,
  moveTo: (timeS) => { page.clock.moveTo(timeS); page.draw(performance.now()); },
  figures: (k = 0) => page.panes[k].figures.at(page.clock.timeS),
});
