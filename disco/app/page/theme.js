// Light, dark, or as the system has it.

import { iconButton, put } from "./dom.js";

const KEPT = "disco.theme";
const WAYS = { "": "as the system has it", light: "light", dark: "dark" };

export function themeSwitch(place) {
  let way = "";
  try {
    way = localStorage.getItem(KEPT) ?? "";
  } catch { /* nothing is kept */ }
  const show = () => {
    if (way) document.documentElement.dataset.theme = way;
    else delete document.documentElement.dataset.theme;
    put(place, iconButton("theme", `Colours: ${WAYS[way]}`, () => {
      const ways = Object.keys(WAYS);
      way = ways[(ways.indexOf(way) + 1) % ways.length];
      try {
        localStorage.setItem(KEPT, way);
      } catch { /* nothing is kept */ }
      show();
      place.firstChild.focus();
    }));
  };
  show();
}
