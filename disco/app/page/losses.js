// What pulled how hard while a run lasted: a small curve a loss, each in its own range.

import { h, put, svg } from "./dom.js";
import { short } from "./words.js";

const WIDTH = 240, HEIGHT = 44, MOST = 9;

export class Losses {
  constructor() {
    this.node = h("div", { class: "losses", role: "group", "aria-label": "Losses" });
    this.clear();
  }

  clear() {
    this.names = [];
    this.rows = [];
    put(this.node);
  }

  /** names: of the columns; rows: [step, a value a column]. */
  show({ names = [], rows = [] }) {
    this.names = [...names];
    this.rows = rows.map((row) => [...row]);
    this.draw();
  }

  add(step, losses) {
    for (const name of Object.keys(losses)) if (!this.names.includes(name)) this.names.push(name);
    while (this.rows.length && this.rows.at(-1)[0] >= step) this.rows.pop(); // told again, or gone back
    this.rows.push([step, ...this.names.map((name) => losses[name] ?? null)]);
    this.draw();
  }

  draw() {
    put(this.node, this.rows.length < 2 ? null : this.names.slice(0, MOST).map((name, column) => this.one(name, column + 1)));
  }

  one(name, column) {
    const points = this.rows.filter((row) => Number.isFinite(row[column])).map((row) => [row[0], row[column]]);
    if (points.length < 2 || points.every(([, value]) => value === 0)) return null;
    const values = points.map(([, value]) => value);
    const low = Math.min(...values), high = Math.max(...values), first = points[0][0], last = points.at(-1)[0];
    const x = (step) => ((step - first) / (last - first || 1)) * WIDTH;
    const y = (value) => 3 + (1 - (value - low) / (high - low || 1)) * (HEIGHT - 6);
    const line = points.map(([step, value], index) => `${index ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const now = short(values.at(-1), 3);
    return h("figure", { class: name === "loss" ? "loss total" : "loss" },
      h("figcaption", {}, h("span", {}, name === "loss" ? "all together" : name), h("b", {}, now)),
      svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${name}, from ${short(values[0], 3)} to ${now} over ${points.length} steps` },
        svg("path", { d: line, class: "line", "vector-effect": "non-scaling-stroke" })));
  }
}
