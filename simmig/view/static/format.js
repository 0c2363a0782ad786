// Numbers and times as a reader wants them.

const NOTHING = "–";

// With this many significant digits, thousands apart; powers of ten where there would be many zeros.
function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent < -4 || exponent >= 7) return value.toExponential(digits - 1).replace("e", " × 10^").replace("+", "");
  return value.toLocaleString("en", {
    minimumFractionDigits: Math.max(digits - 1 - exponent, 0),
    maximumFractionDigits: Math.max(digits - 1 - exponent, 0),
  }).replace("-", "−");
}

function whole(value) {
  return value.toLocaleString("en");
}

function seconds(value) {
  return value === null || Number.isNaN(value) ? NOTHING : Math.abs(value) < 0.1 && value !== 0 ? `${number(value * 1e3, 3)} ms` : `${number(value, 4)} s`;
}

function megahertz(value) {
  return Number.isNaN(value) ? NOTHING : `${number(value / 1e6, 3)} MHz`;
}

// A moment of the run as 1:02:03.4, short where the run is short.
function moment(timeS, endS) {
  const tenths = Math.round(timeS * 10), s = Math.floor(tenths / 10);
  const tail = `${String(s % 60).padStart(2, "0")}.${tenths % 10}`;
  if (endS < 3600) return `${Math.floor(s / 60)}:${tail}`;
  return `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, "0")}:${tail}`;
}

function spaced(label) {
  return label.replaceAll("_", " ");
}

// An element with text that is never markup.
function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  if (text !== "") element.textContent = text;
  if (className) element.className = className;
  return element;
}

// Rows of a definition list.
function facts(rows) {
  const list = make("dl");
  for (const [name, value] of rows) {
    list.append(make("dt", name));
    const cell = make("dd");
    cell.append(value);
    list.append(cell);
  }
  return list;
}

function button(text, className, onClick) {
  const found = make("button", text, className);
  found.type = "button";
  found.addEventListener("click", onClick);
  return found;
}
