// Pointers, wheel and keys.

const NEAR_PX = 5; // a press that moves less is a click

function steer(pane, page) {
  const { canvas } = pane, held = new Map();
  let travelled = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [a, b] = [...held.values()];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, place(event));
    travelled = held.size > 1 ? Infinity : 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const now = place(event), dx = now[0] - before[0], dy = now[1] - before[1], was = held.size === 2 ? spread() : 0;
    held.set(event.pointerId, now);
    travelled += Math.hypot(dx, dy);
    if (held.size === 2) pane.camera.zoomBy(spread() / Math.max(was, 1), ...now);
    else if (pane.camera.isFlat || event.shiftKey) pane.camera.pan(dx, dy);
    else pane.camera.rotate(dx, dy);
    page.touch();
  });
  const release = (event) => {
    const isClick = held.delete(event.pointerId) && event.type === "pointerup" && travelled < NEAR_PX;
    if (isClick) page.choose(pane, pane.scene.pick(...place(event)));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    pane.camera.zoomBy(Math.exp(-event.deltaY * 0.0015), ...place(event));
    page.touch();
  }, { passive: false });
}

function bindTabs(page) {
  const tabs = ["rsus", "events", "about"].map((name) => document.getElementById(`tab-${name}`));
  const choose = (tab) => {
    for (const each of tabs) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = each !== tab;
    }
    page.touch();
  };
  tabs.forEach((tab, k) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const other = tabs[(k + step + tabs.length) % tabs.length];
      choose(other);
      other.focus();
      event.stopPropagation();
    });
  });
}

// The keys of the page, unless something that has the focus needs them itself.
function onKey(event, page) {
  const { clock } = page, on = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || on.matches("select, input:not([type=range])")) return;
  if (event.key === " " && on.matches("button")) return;
  const stepS = event.shiftKey ? clock.endS / 10 : 1;
  const keys = {
    " ": () => clock.toggle(),
    ArrowLeft: () => clock.moveTo(clock.timeS - stepS),
    ArrowRight: () => clock.moveTo(clock.timeS + stepS),
    ArrowUp: () => clock.changeSpeed(1),
    ArrowDown: () => clock.changeSpeed(-1),
    Home: () => clock.moveTo(0),
    End: () => clock.moveTo(clock.endS),
    n: () => clock.moveTo(nextEnd(page)),
    "+": () => page.eachCamera((camera) => camera.zoomBy(1.3)),
    "-": () => page.eachCamera((camera) => camera.zoomBy(1 / 1.3)),
    3: () => page.setPerspective(page.isFlat),
    Escape: () => page.choose(page.shown, null),
  };
  const work = keys[event.key];
  if (!work) return;
  event.preventDefault();
  work();
  page.touch();
}

function nextEnd({ shown: { figures }, clock }) {
  return figures.endedS[countUpTo(figures.endedS, clock.timeS)] ?? clock.endS;
}
