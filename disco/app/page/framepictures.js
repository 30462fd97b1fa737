// image_prompts of by_frame: the pictures that a film is to resemble, by the frame from which they hold.

import { fileOf, isInside } from "./api.js";
import { button, h, iconButton, picture, put } from "./dom.js";
import { read, write } from "./flow.js";
import { pictureButton } from "./upload.js";

/** The path of a picture, which its weight may follow. */
const pathOf = (text) => text.replace(/:[+-]?[\d.]+$/, "");

export class FramePictures {
  /** changed(mapping): called with {frame: [paths]} whenever it was changed here. */
  constructor(changed) {
    this.changed = changed;
    this.rows = h("div", { class: "frame-pictures" });
    this.adding = button("Pictures from another frame on", () => {
      const last = Math.max(-1, ...this.entries.map(([frame]) => Number(frame)));
      this.entries.push([String(last + 10 - ((last + 10) % 10)), []]);
      this.tell();
      this.draw();
      this.rows.querySelector(".frame-picture:last-child input")?.focus();
    }, { class: "quiet" });
    this.node = h("div", {}, this.rows, this.adding);
    this.entries = [];
  }

  show(mapping) {
    const stamp = write(mapping);
    if (stamp === this.stamp) return; // it was changed here
    this.stamp = stamp;
    this.entries = Object.entries(mapping).map(([frame, texts]) => [frame, Array.isArray(texts) ? texts : [String(texts)]]);
    this.draw();
  }

  draw() {
    put(this.rows, this.entries.map((entry, index) => this.row(entry, index)));
  }

  row(entry, index) {
    const frame = h("input", { type: "number", class: "frame-number", min: 0, step: 1, value: entry[0], "aria-label": `From frame, pictures ${index + 1}`, oninput: () => {
      entry[0] = frame.value;
      this.tell();
    } });
    const shown = h("div", { class: "frame-shown" });
    const look = () => put(shown, entry[1].map(pathOf).filter(isInside).map((path) => picture(fileOf(path), path)));
    const take = (texts) => {
      entry[1] = texts;
      look();
      this.tell();
    };
    const paths = h("input", { type: "text", spellcheck: "false", autocomplete: "off", value: entry[1].length ? write(entry[1]) : "", placeholder: "[a.png, b.png:2]", "aria-label": `Pictures ${index + 1}`, oninput: () => {
      const value = read(paths.value);
      take(Array.isArray(value) ? value.map(String) : value === null ? [] : [String(value)]);
    } });
    look();
    return h("div", { class: "frame-picture" }, h("label", { class: "inline" }, h("span", {}, "From frame"), frame),
      pictureButton((path) => {
        take([...entry[1], path]);
        paths.value = write(entry[1]);
      }, `Choose a picture, pictures ${index + 1}`),
      iconButton("close", `Remove pictures ${index + 1}`, () => {
        this.entries.splice(index, 1);
        this.tell();
        this.draw();
        this.adding.focus();
      }), paths, shown);
  }

  tell() {
    const mapping = Object.fromEntries(this.entries.filter(([frame]) => frame !== ""));
    this.stamp = write(mapping);
    this.changed(mapping);
  }
}
