// by_frame, a mapping from settings to keyframes, as a curve a setting.

import { chooser, h, iconButton, put } from "./dom.js";
import { write } from "./flow.js";
import { currentValue, defaultText, form, set } from "./form.js";
import { FrameCurve } from "./frames.js";

const isMapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export class ByFrame {
  constructor() {
    this.rows = new Map();
    this.list = h("div", { class: "frame-rows" });
    this.adding = h("div", { class: "frame-add" });
    this.node = h("div", { class: "by-frame" }, this.list, this.adding);
  }

  /** Show what by_frame is now; what is no number by frame, such as image prompts, stands in the text alone. */
  show() {
    const value = currentValue("by_frame") ?? {};
    this.node.hidden = !isMapping(value);
    if (this.node.hidden) return;
    const names = Object.keys(value).filter((name) => form.schema.by_frame.includes(name) && ["string", "number"].includes(typeof value[name]));
    if (names.join() !== this.drawn) this.draw(names);
    for (const name of names) this.rows.get(name).show(String(value[name]));
  }

  draw(names) {
    this.drawn = names.join();
    for (const name of [...this.rows.keys()]) if (!names.includes(name)) this.rows.delete(name);
    for (const name of names) if (!this.rows.has(name)) this.rows.set(name, this.row(name));
    put(this.list, names.map((name) => this.rows.get(name).node));
    const others = form.schema.by_frame.filter((name) => !names.includes(name));
    put(this.adding, chooser("Another setting by frame", [["", "choose one"], ...others.map((name) => [name, name])], "", (name) => name && this.add(name)));
  }

  row(name) {
    const curve = new FrameCurve({ ...form.settings[name], name: `by_frame.${name}` }, (text) => this.change(name, text));
    const input = h("input", { type: "text", spellcheck: "false", autocomplete: "off", "aria-label": `${name} by frame`, oninput: () => this.change(name, input.value) });
    const node = h("div", { class: "frame-row" },
      h("div", { class: "field-head" }, h("span", {}, name), iconButton("close", `Remove ${name} by frame`, () => this.remove(name), { class: "bare" })), input, curve.node);
    return { node, show: (text) => {
      if (input.value !== text) input.value = text;
      curve.show(text);
    } };
  }

  change(name, text) {
    set("by_frame", write({ ...currentValue("by_frame"), [name]: text }));
  }

  /** Begin with the value that it has now, where that is a number. */
  add(name) {
    const now = Number(defaultText(name)) || Number(currentValue(name)) || 0;
    this.change(name, String(now));
    this.rows.get(name)?.node.querySelector("input").focus();
  }

  remove(name) {
    const { [name]: gone, ...others } = currentValue("by_frame");
    set("by_frame", write(others));
    this.adding.querySelector("select").focus();
  }
}
