"use strict";
// Legends: an agent can be faded out, in all figures at once.
for (const entry of document.querySelectorAll("li[data-agent]")) {
  entry.tabIndex = 0;
  entry.setAttribute("role", "button");
  entry.setAttribute("aria-pressed", "true");
  const toggle = () => {
    const agent = entry.dataset.agent;
    const shown = entry.getAttribute("aria-pressed") !== "true";
    for (const same of document.querySelectorAll(`li[data-agent="${agent}"]`)) same.setAttribute("aria-pressed", String(shown));
    for (const mark of document.querySelectorAll(`svg [id*="-a${agent}-"]`)) mark.classList.toggle("faded", !shown);
  };
  entry.addEventListener("click", toggle);
  entry.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
  });
}
// Tables: a click on the head of a column sorts by it; numbers by size, anything else as text.
const size = (text) => {
  const found = text.replace(/[,\s%]/g, "").replace("−", "-").match(/^[<>]?(-?[\d.]+)(?:×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/);
  if (!found) return NaN;
  const power = (found[2] || "⁰").replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (digit) => "-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(digit)]);
  return Number(found[1]) * 10 ** Number(power);
};
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent.trim(), row]);
      const compare = ([a], [b]) => {
        const [x, y] = [size(a), size(b)];
        return Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) || a.localeCompare(b) : x - y;
      };
      rows.sort((a, b) => (up ? compare(a, b) : compare(b, a)));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
  });
}
