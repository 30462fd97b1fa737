// by_frame, a mapping from settings to keyframes, as a curve a setting.

import { chooser, h, iconButton, put } from "./dom.js";
import { write } from "./flow.js";
import { currentValue, form, set, textOf } from "./form.js";
import { FramePictures } from "./framepictures.js";
import { FrameCurve } from "./frames.js";

const PICTURES = "image_prompts"; // the one that is no number

const isMapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export class ByFrame {
  constructor() {
    this.rows = new Map();
    this.list = h("div", { class: "frame-rows" });
    this.adding = h("div", { class: "frame-add" });
    this.node = h("div", { class: "by-frame" }, this.list, this.adding);
  }

  /** Show what by_frame is now; what is neither a number by frame nor pictures stands in the text alone. */
  show() {
    const value = currentValue("by_frame") ?? {};
    this.node.hidden = !isMapping(value);
    if (this.node.hidden) return;
    const names = Object.keys(value).filter((name) => (name === PICTURES ? isMapping(value[name]) : form.schema.by_frame.includes(name) && ["string", "number"].includes(typeof value[name])));
    if (names.join() !== this.drawn) this.draw(names);
    for (const name of names) this.rows.get(name).show(name === PICTURES ? value[name] : String(value[name]));
  }

  draw(names) {
    this.drawn = names.join();
    for (const name of [...this.rows.keys()]) if (!names.includes(name)) this.rows.delete(name);
    for (const name of names) if (!this.rows.has(name)) this.rows.set(name, name === PICTURES ? this.pictures() : this.row(name));
    put(this.list, names.map((name) => this.rows.get(name).node));
    const others = [PICTURES, ...form.schema.by_frame].filter((name) => !names.includes(name));
    put(this.adding, chooser("Another setting by frame", [["", "choose one"], ...others.map((name) => [name, name])], "", (name) => name && this.add(name)));
  }

  row(name) {
    const curve = new FrameCurve({ ...form.settings[name], name: `by_frame.${name}` }, (text) => this.change(name, text));
    const input = h("input", { type: "text", spellcheck: "false", autocomplete: "off", "aria-label": `${name} by frame`, oninput: () => this.change(name, input.value) });
    return { node: this.framed(name, input, curve.node), show: (text) => {
      if (input.value !== text) input.value = text;
      curve.show(text);
    } };
  }

  pictures() {
    const pictures = new FramePictures((mapping) => this.change(PICTURES, mapping));
    return { node: this.framed(PICTURES, pictures.node), show: (mapping) => pictures.show(mapping) };
  }

  framed(name, ...inside) {
    return h("div", { class: "frame-row" },
      h("div", { class: "field-head" }, h("span", {}, name), iconButton("close", `Remove ${name} by frame`, () => this.remove(name), { class: "bare" })), inside);
  }

  change(name, value) {
    set("by_frame", write({ ...currentValue("by_frame"), [name]: value }));
  }

  /** Begin with what it is now, where that is a number. */
  add(name) {
    const now = textOf(name).trim();
    this.change(name, name === PICTURES ? { 0: currentValue(PICTURES) ?? [] } : /^[+-]?[\d.]+%?$/.test(now) ? now : "0");
    this.rows.get(name)?.node.querySelector("input").focus();
  }

  remove(name) {
    const { [name]: gone, ...others } = currentValue("by_frame");
    set("by_frame", write(others));
    this.adding.querySelector("select").focus();
  }
}
