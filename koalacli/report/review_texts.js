// Words: all that the page says stands in one table, and data of the batch beside it.

const byId = (id) => document.getElementById(id);
const TEXTS = JSON.parse(byId("texts").textContent);
const FACTS = JSON.parse(byId("facts").textContent);
const ENTRIES = JSON.parse(byId("entries").textContent);

const say = (key, values = {}) => TEXTS[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
let fading = 0;
function report(text) {
  byId("status").textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => { byId("status").textContent = ""; }, 8000);
}

for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = say(element.dataset.hint);
for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
for (const element of document.querySelectorAll("[data-title]")) {
  element.title = say(element.dataset.title);
  if (!element.dataset.text) element.setAttribute("aria-label", element.title);
}
