"use strict";

const byId = (id) => document.getElementById(id);
const panels = [...document.querySelectorAll(".panel")];

// Sorting: numbers by value, names by alphabet; missing values stay last; a second press turns it round.
for (const table of document.querySelectorAll(".sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      const direction = descending ? -1 : 1;
      const key = (row) => {
        const value = row.cells[column].dataset.value;
        return value === undefined ? row.cells[column].textContent : value === "" ? NaN : Number(value);
      };
      const compare = (left, right) => {
        if (typeof left === "string") return direction * left.localeCompare(right, undefined, { numeric: true });
        if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right);
        return direction * (left - right);
      };
      const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
      rows.sort((left, right) => compare(left[0], right[0]));
      table.tBodies[0].append(...rows.map(([, row]) => row));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      byId("sort-status").textContent = `Sorted by ${head.textContent}, ${descending ? "largest" : "smallest"} first`;
    });
  });
}

// Best, median and worst by the chosen metric.
const ranks = { best: 0, median: 1, worst: 2 };
function choose() {
  const metric = byId("choice-metric").value.replaceAll("_", "-");
  const rank = (panel) => panel.getAttribute(`data-${metric}`);
  const shown = panels.filter((panel) => metric === "all" || rank(panel));
  panels.forEach((panel) => { panel.hidden = !shown.includes(panel); });
  if (metric !== "all") shown.sort((left, right) => ranks[rank(left)] - ranks[rank(right)]);
  document.querySelector(".panels").append(...shown);
  byId("choice-status").textContent = `${shown.length} pictures`;
}
byId("choice-metric").addEventListener("change", choose);

// Two versions of one picture, one over the other.
const version = (panel, label) => [...panel.querySelectorAll("img")].find((image) => image.dataset.label === label);
function options(select, labels, selected) {
  select.replaceChildren(...labels.map((label) => new Option(label, label, false, label === selected)));
}
function show() {
  const panel = panels.find((candidate) => candidate.dataset.name === byId("viewer-picture").value);
  for (const [id, side] of [["viewer-over", "viewer-left"], ["viewer-under", "viewer-right"]]) {
    const source = version(panel, byId(side).value);
    byId(id).src = source.src;
    byId(id).alt = source.alt;
  }
  const any = panel.querySelector("img");
  document.querySelector(".stage").style.setProperty("--ratio", any.getAttribute("width") / any.getAttribute("height"));
}
function slide() {
  const slider = byId("viewer-slider");
  document.querySelector(".stage").style.setProperty("--at", `${slider.value}%`);
  slider.setAttribute("aria-valuetext", `${slider.value}% ${byId("viewer-left").value}, the rest ${byId("viewer-right").value}`);
}
if (panels.length) {
  choose();
  const labels = [...panels[0].querySelectorAll("img")].map((image) => image.dataset.label);
  const metric = byId("choice-metric").value.replaceAll("_", "-");
  const typical = panels.find((panel) => panel.getAttribute(`data-${metric}`) === "median") ?? panels[0];
  options(byId("viewer-picture"), panels.map((panel) => panel.dataset.name), typical.dataset.name);
  options(byId("viewer-left"), labels, labels[0]);
  options(byId("viewer-right"), labels, labels[1]);
  document.querySelector(".viewer").hidden = false;
  byId("viewer-slider").addEventListener("input", slide);
  for (const id of ["viewer-picture", "viewer-left", "viewer-right"]) {
    byId(id).addEventListener("change", () => { show(); slide(); });
  }
  for (const panel of panels) {
    panel.querySelector(".compare").addEventListener("click", () => {
      byId("viewer-picture").value = panel.dataset.name;
      show();
      byId("pictures").scrollIntoView();
      byId("viewer-slider").focus();
    });
  }
  show();
  slide();
}
