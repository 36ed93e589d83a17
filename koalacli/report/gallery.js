"use strict";

for (const stage of document.querySelectorAll(".stage")) {
  const slider = stage.querySelector("input");
  slider.addEventListener("input", () => {
    stage.style.setProperty("--at", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value}% before, the rest after`);
  });
}
