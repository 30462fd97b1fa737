// The pictures of a study, each of which leads to its own page; drafts can be chosen, to be rendered in full.

import { get, runOf, thumbOf } from "./api.js";
import { button, h, keepingFocus, picture, put, toast } from "./dom.js";
import { start } from "./jobs.js";
import { hashOf } from "./routes.js";
import { plural } from "./words.js";

/** How many steps a picture in full takes; as the scan says, where nothing is written. */
export const stepsInput = (usual, properties) => h("input", { type: "number", class: "steps", min: 1, step: 1, placeholder: usual ?? "", ...properties });
export const stepsOf = (input) => (input.value.trim() === "" ? {} : { steps: Number(input.value) });

export class Cells {
  constructor() {
    this.node = h("div", { class: "cells" });
    this.chosen = new Set();
  }

  /** The cells of the study at a path; nothing where there is none yet. */
  async show(path) {
    if (path !== this.path) {
      this.path = path;
      this.chosen.clear();
      this.drawn = null;
      put(this.node);
    }
    if (!path) return;
    let run;
    try {
      run = await get(runOf(path));
    } catch {
      return; // it comes with the first cell
    }
    const drawn = JSON.stringify([run.cells, run.promoted]);
    if (path !== this.path || run.kind !== "study" || drawn === this.drawn) return;
    this.drawn = drawn;
    this.run = run;
    keepingFocus(this.node, () => this.draw());
  }

  draw() {
    const { cells, scan, study, promoted } = this.run;
    const list = h("ul", { class: "cell-list" }, cells.map((cell) => this.cell(cell, scan)));
    this.go = button("", () => this.promote(), { class: "primary", "data-key": "promote" });
    const given = this.steps?.value; // what is drawn anew keeps what was typed
    this.steps = stepsInput(this.run.steps, { "data-key": "steps" });
    if (given) this.steps.value = given;
    put(this.node, !cells.length ? null : scan ? [
      h("div", { class: "cells-head" }, h("h2", {}, "Drafts"), h("p", { class: "note" }, "Choose those that you like: they are rendered in full."), h("label", { class: "inline" }, h("span", {}, "Steps"), this.steps), this.go,
        promoted.map((path) => h("a", { class: "button", href: hashOf("study", path) }, promoted.length > 1 ? `In full: ${path.split("/").at(-1)}` : "Those in full"))),
      list,
    ] : h("details", { class: "cells-fold", open: Boolean(study) },
      h("summary", {}, `Its ${plural(cells.length, "picture")}`, study ? [" · ", h("a", { href: hashOf("study", study) }, "its drafts")] : null), list));
    this.count();
  }

  cell(cell, scan) {
    const look = h("a", { href: hashOf("gallery", cell.path), "aria-label": `Open ${cell.values}`, "data-key": `open ${cell.path}` },
      picture(thumbOf(cell.picture, 256), "", null, { loading: "lazy" }));
    if (!scan) return h("li", { class: "cell" }, look, h("span", { class: "note" }, cell.values));
    const box = h("input", { type: "checkbox", checked: this.chosen.has(cell.seed), "data-key": `seed ${cell.seed}`, onchange: () => {
      if (box.checked) this.chosen.add(cell.seed);
      else this.chosen.delete(cell.seed);
      this.count();
    } });
    return h("li", { class: "cell" }, look, h("label", { class: "inline" }, box, h("span", {}, cell.values)),
      cell.full ? h("a", { href: hashOf("gallery", cell.full) }, "in full") : null);
  }

  count() {
    if (!this.run.scan) return;
    this.go.disabled = !this.chosen.size;
    put(this.go, this.chosen.size ? `Render ${this.chosen.size} in full` : "Render in full");
  }

  async promote() {
    const seeds = [...this.chosen].sort((one, other) => one - other);
    const job = await start({ kind: "promote", picture: this.path, seeds: seeds.join(","), ...stepsOf(this.steps) });
    if (!job) return;
    this.chosen.clear();
    for (const box of this.node.querySelectorAll("input:checked")) box.checked = false;
    this.count();
    toast(`${plural(seeds.length, "picture")} in the queue`);
  }
}
