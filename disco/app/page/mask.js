// The place to paint a mask over a picture; what is painted is drawn anew.

import { fileOf, get, runOf, send } from "./api.js";
import { Brush } from "./brush.js";
import { button, h, put, say, segments, toast } from "./dom.js";
import { take } from "./form.js";
import { go, hashOf } from "./routes.js";

const SIDE = 512; // the longest side of the mask of a small picture, so that its edge can be round

export class Mask {
  constructor() {
    this.node = h("div", { class: "place mask-place" });
    this.node.addEventListener("keydown", (event) => this.key(event));
  }

  show({ path }) {
    if (this.path === path && this.brush) return;
    this.path = path;
    this.brush = null;
    put(this.node, h("p", { class: "nothing" }, "…"));
    const image = new Image();
    image.onload = () => this.path === path && this.begin(image);
    image.onerror = () => this.path === path && put(this.node, h("div", { class: "nothing" }, h("p", {}, "There is no picture at this place."), h("a", { href: hashOf("gallery") }, "To the gallery")));
    image.src = fileOf(path);
  }

  begin(image) {
    const { naturalWidth: width, naturalHeight: height } = image;
    const scale = Math.max(1, Math.round(SIDE / Math.max(width, height)));
    this.size = [width, height];
    this.scale = scale;
    this.brush = new Brush(width * scale, height * scale);
    this.at = [this.brush.mask.width / 2, this.brush.mask.height / 2];
    image.alt = "The picture that is masked";
    image.classList.toggle("pixelated", Math.max(width, height) <= 192);
    this.brush.over.classList.add("mask-over");
    this.cursor = h("div", { class: "cursor", hidden: true });
    this.board = h("div", {
      class: "board", tabindex: 0, role: "application", style: { "--ratio": width / height },
      "aria-label": "Mask. Arrow keys move the brush, space paints, X changes between paint and erase, brackets change the size",
    }, image, this.brush.over, this.cursor);
    this.listen();
    put(this.node, h("div", { class: "board-frame" }, this.board), this.tools());
    this.board.focus({ preventScroll: true });
  }

  tools() {
    const range = (text, value, properties, changed) => {
      const input = h("input", { type: "range", value, ...properties, oninput: () => changed(Number(input.value)) });
      input.value = value;
      return [h("label", { class: "tool" }, h("span", {}, text), input), input];
    };
    const [size, sizeInput] = range("Size", this.brush.size, { min: 2, max: Math.round(Math.max(...this.size) * this.scale / 1.5), step: 1 }, (value) => this.resize(value));
    const [hardness] = range("Hardness", 80, { min: 0, max: 100, step: 5 }, (value) => (this.brush.hardness = value / 100));
    const [strength, strengthInput] = range("Strength", 100, { min: 5, max: 100, step: 5 }, () => (shown.textContent = (strengthInput.value / 100).toFixed(2)));
    const shown = h("output", {}, "1.00");
    strength.append(shown);
    this.sizeInput = sizeInput;
    this.strength = strengthInput;
    this.way = h("div");
    this.drawWay();
    return h("div", { class: "mask-tools", role: "toolbar", "aria-label": "Brush" },
      h("h1", {}, "Mask"), h("p", { class: "note" }, "Paint over what should be drawn anew. Then describe the whole picture as it should be, not the change."),
      this.way, size, hardness,
      h("div", { class: "actions" }, button("Undo", () => this.brush.undo()), button("Redo", () => this.brush.redo()), button("Invert", () => this.brush.invert()), button("Clear", () => this.brush.clear())),
      strength, h("p", { class: "note" }, "How much of what is painted over is drawn anew; below 1, something of it stays."),
      h("div", { class: "actions" }, button("Use this mask", () => this.use(), { class: "primary" }), button("Cancel", () => history.back())));
  }

  drawWay() {
    put(this.way, segments("Paint or erase", "way", [["paint", "Paint"], ["erase", "Erase"]], this.brush.erases ? "erase" : "paint", (way) => (this.brush.erases = way === "erase")));
  }

  resize(size) {
    this.brush.size = Math.min(Number(this.sizeInput.max), Math.max(2, size));
    this.sizeInput.value = this.brush.size;
    this.showCursor();
  }

  // Pointer and keys

  place(event) {
    const box = this.brush.over.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.brush.mask.width, ((event.clientY - box.top) / box.height) * this.brush.mask.height];
  }

  listen() {
    let last = null;
    this.board.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.board.focus({ preventScroll: true });
      this.board.setPointerCapture(event.pointerId);
      this.brush.keep();
      last = this.place(event);
      this.brush.dab(...last);
    });
    this.board.addEventListener("pointermove", (event) => {
      for (const part of event.getCoalescedEvents?.() ?? [event]) {
        const now = this.place(part);
        if (last) this.brush.line(last, now);
        if (last) last = now;
      }
      this.at = this.place(event);
      this.showCursor();
    });
    for (const end of ["pointerup", "pointercancel"]) this.board.addEventListener(end, () => (last = null));
    this.board.addEventListener("pointerleave", () => (this.cursor.hidden = this.board !== document.activeElement));
    this.board.addEventListener("focus", () => this.showCursor());
    this.board.addEventListener("blur", () => (this.cursor.hidden = true));
  }

  showCursor() {
    const { width, height } = this.brush.mask;
    this.cursor.hidden = false;
    this.cursor.style.left = `${(this.at[0] / width) * 100}%`;
    this.cursor.style.top = `${(this.at[1] / height) * 100}%`;
    this.cursor.style.width = `${(this.brush.size / width) * 100}%`;
  }

  key(event) {
    if (!this.brush) return;
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return event.shiftKey ? this.brush.redo() : this.brush.undo();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=range], button, a")) return;
    const far = Math.max(1, this.brush.size / (event.shiftKey ? 1 : 4)), { width, height } = this.brush.mask;
    const moved = (dx, dy) => () => {
      this.at = [Math.min(width, Math.max(0, this.at[0] + dx * far)), Math.min(height, Math.max(0, this.at[1] + dy * far))];
      this.showCursor();
    };
    const act = {
      ArrowLeft: moved(-1, 0), ArrowRight: moved(1, 0), ArrowUp: moved(0, -1), ArrowDown: moved(0, 1),
      " ": () => { this.brush.keep(); this.brush.dab(...this.at); },
      "[": () => this.resize(this.brush.size * 0.8), "]": () => this.resize(this.brush.size * 1.25 + 1),
      x: () => { this.brush.erases = !this.brush.erases; this.drawWay(); say(this.brush.erases ? "Erase" : "Paint"); },
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (event.target !== this.board && event.key !== "x" && !"[]".includes(event.key))) return;
    event.preventDefault();
    act();
  }

  // What becomes of it

  async use() {
    if (this.brush.share() === 0) return toast("Nothing is painted yet: paint over what should be drawn anew");
    let mask;
    try {
      mask = await send("/api/uploads", await this.brush.blob(), "mask.png");
    } catch (error) {
      return toast(error.message, { bad: true });
    }
    const strength = Number(this.strength.value) / 100, [width, height] = this.size;
    const own = await this.origin();
    await take({
      ...own.settings, init_image: this.path, mask: mask.path, ...(strength < 1 && { strength }),
      mask_blur: Math.max(1, Math.round(Math.max(...this.size) / 64) * 2), width, height, n_batches: 1,
    }, { preset: own.preset, keep: own.keep });
    go("render");
    toast("The mask is in the form. Describe the whole picture as it should be.");
  }

  /** The settings of the run that the picture is of; those in the form, where it is of none. */
  async origin() {
    try {
      const run = await get(runOf(this.path.split("/").slice(0, -1).join("/")));
      const { skip_steps, ...settings } = run.changed; // strength says the same
      return { settings, preset: null, keep: false };
    } catch {
      return { settings: {}, keep: true };
    }
  }
}
