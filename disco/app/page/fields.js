// A setting as a field: its control, what it is, what is wrong with it, and the way back to its default.

import { fileOf, isInside } from "./api.js";
import { ByFrame } from "./byframe.js";
import { Curve } from "./curve.js";
import { button, h, iconButton, picture, put } from "./dom.js";
import { read, write } from "./flow.js";
import { currentValue, defaultText, form, isChanged, reset, set, textOf } from "./form.js";
import { FrameCurve } from "./frames.js";
import { bare, facts, prose } from "./prose.js";
import { hashOf } from "./routes.js";
import { digits } from "./schedule.js";
import { pictureButton } from "./upload.js";
import { plural } from "./words.js";

/** What the settings at the head of the form are called there; all go by their names elsewhere. */
export const TITLES = {
  width: "Width", height: "Height", seed: "Seed", steps: "Steps", n_batches: "Pictures", max_frames: "Frames",
  diffusion_model: "Model", clip_models: "Perceptors",
};
const PICTURES = new Set(["init_image", "previous_frame", "noise_order", "mask"]);
const WIDE = new Set(["path", "list", "mapping", "text"]); // kinds of long texts
const isConstant = (text) => text.trim() === "" || !/^\s*(\[|interp|\{)/.test(text);
const isNumber = (text) => /^\s*[+-]?[\d.]*\s*$/.test(text);
const isTimedSwitch = ({ timed, whole, low, high }) => timed && whole && low === 0 && high === 1;
let count = 0;

/** The help of a setting with its range and what Disco Diffusion had. */
export function about(setting) {
  const { low, high, original } = setting;
  const range = low !== null && high !== null ? `${digits(low)} to ${digits(high)}` : low !== null ? `${digits(low)} or more` : "";
  return [
    setting.help,
    isTimedSwitch(setting) || setting.choices.length ? "" : range,
    setting.timed ? "may change over the run" : setting.keyframes ? "may change from frame to frame" : "",
    original !== null ? `Disco Diffusion: ${bare(original)}` : "",
  ].filter(Boolean).join(" · ");
}

/** A field of a setting; field.refresh() shows the form as it is now. */
export class Field {
  /** title: what it is called; null for its own name. */
  constructor(setting, title = null) {
    this.setting = setting;
    this.id = `setting-${setting.name}-${++count}`;
    this.control = this.controlOf();
    this.back = iconButton("reset", `Back to the default of ${setting.name}`, () => {
      reset(setting.name);
      this.focus();
    }, { class: "bare reset" });
    this.error = h("p", { class: "error", id: `${this.id}-error`, role: "alert" });
    this.below = h("div", { class: "below" });
    this.node = h("div", { class: WIDE.has(setting.kind) || setting.name === "animation_prompts" ? "field wide" : "field", "data-setting": setting.name },
      h("div", { class: "field-head" },
        h("label", { for: this.id, title: setting.name }, title ?? setting.name),
        setting.timed || setting.keyframes ? iconButton("curve", `Draw ${setting.name} over the ${setting.timed ? "run" : "frames"}`, () => this.openCurve(), { class: "bare over" }) : null,
        this.back),
      this.control.node,
      this.below,
      this.error,
      h("p", { class: "help", id: `${this.id}-help` }, about(setting)),
      this.more());
    this.refresh();
  }

  /** The setting's page in the documentation, as a fold; it is written when somebody opens it. */
  more() {
    const { name, group, note, takes, original } = this.setting;
    const fold = h("details", { class: "more" }, h("summary", {}, "More on ", h("code", {}, name)));
    fold.addEventListener("toggle", () => fold.open && fold.children.length === 1 && fold.append(h("div", { class: "prose" }, this.strip(), prose(note), facts([
      ["Default", defaultText(name) || "none"],
      ["Takes", bare(takes)],
      ["Disco Diffusion 5.7", original === null ? "has no such setting" : bare(original)],
      ["In full", group === "run" ? name : `${group}.${name}`],
    ]))));
    return fold;
  }

  /** Pictures of some of its values. */
  strip() {
    const { name, strip } = this.setting;
    if (!strip) return null;
    const held = Object.entries(strip.held).map(([key, value]) => `${key}=${write(value, true)}`).join(" ");
    return h("figure", { class: "values" },
      h("div", { class: "scrolled", tabindex: 0, role: "region", "aria-label": `Pictures by ${name}` },
        h("img", { src: `/page/strips/${name}.jpg`, alt: `The same picture with ${name} ${strip.values.join("; ")}`, decoding: "async", draggable: "false" })),
      h("figcaption", { class: "note" }, `${plural(strip.values.length, "value")} from left to right, by the embedded models`, held ? [", ", h("code", {}, held)] : null, ". Nothing else differs: one prompt and one seed are an illustration."));
  }

  focus() {
    [...this.node.querySelectorAll("input, select, textarea, summary")].find((node) => node.checkVisibility())?.focus();
  }

  controlOf() {
    const { kind, name } = this.setting;
    if (name === "clip_models") return this.perceptors();
    if (name === "diffusion_model" || name === "secondary_model") return this.model();
    if (kind === "switch") return this.checkbox();
    if (isTimedSwitch(this.setting)) return this.timedSwitch();
    if (kind === "choice") return this.choice();
    return this.text();
  }

  described() {
    return { id: this.id, "aria-describedby": `${this.id}-error ${this.id}-help` };
  }

  text() {
    const { kind, low, high, name } = this.setting;
    const numeric = kind === "number" || kind === "integer";
    const input = h("input", {
      ...this.described(), type: "text", spellcheck: "false", autocomplete: "off", inputmode: numeric ? "decimal" : null,
      oninput: () => set(name, input.value),
      onkeydown: (event) => this.count(event, input),
    });
    const slider = numeric && low !== null && high !== null && high - low <= 1 && kind === "number"
      ? h("input", { type: "range", min: low, max: high, step: (high - low) / 100, "aria-label": `${name}, as a slider`, oninput: () => set(name, digits(Number(slider.value))) })
      : null;
    const upload = PICTURES.has(name) ? pictureButton((path) => set(name, path)) : name === "image_prompts"
      ? pictureButton((path) => set(name, write([...(read(textOf(name)) ?? []), path]))) : null;
    return {
      node: h("div", { class: "control" }, input, slider, upload),
      show: (text) => {
        if (input.value !== text) input.value = text;
        if (slider) slider.value = text;
        input.placeholder = defaultText(name) || "none";
      },
    };
  }

  /** Arrow keys count up and down where the text is a number. */
  count(event, input) {
    const { kind, low, high, timed } = this.setting;
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const value = Number(input.value);
    if (!way || input.value.trim() === "" || !Number.isFinite(value) || !(timed || kind === "number" || kind === "integer" || kind === "any")) return;
    event.preventDefault();
    const whole = kind === "integer" || Number.isInteger(value);
    const step = (whole ? 1 : 10 ** Math.floor(Math.log10(Math.abs(value) || 1)) / 10) * (event.shiftKey ? 10 : 1);
    const next = Math.min(high ?? Infinity, Math.max(low ?? -Infinity, Number((value + way * step).toPrecision(9))));
    set(this.setting.name, digits(next));
  }

  checkbox() {
    const input = h("input", { ...this.described(), type: "checkbox", role: "switch", class: "switch", onchange: () => set(this.setting.name, String(input.checked)) });
    return { node: h("div", { class: "control" }, input), show: (text) => (input.checked = /^(true|1)$/i.test(text.trim())) };
  }

  timedSwitch() {
    const box = this.checkbox(), line = this.text();
    return {
      node: h("div", { class: "control" }, box.node, line.node),
      show: (text) => {
        const constant = isConstant(text) && /^(true|false|0|1)$/i.test(text.trim());
        box.node.hidden = !constant;
        line.node.hidden = constant;
        box.show(text);
        line.show(text);
      },
    };
  }

  choice() {
    const choices = this.setting.choices ?? [];
    const select = h("select", { ...this.described(), onchange: () => set(this.setting.name, select.value) });
    return {
      node: h("div", { class: "control" }, select),
      show: (text) => {
        const all = choices.map(String).includes(text) ? choices : [...choices, text];
        put(select, all.map((choice) => h("option", { value: String(choice) }, String(choice))));
        select.value = text;
      },
    };
  }

  model() {
    const name = this.setting.name;
    const select = h("select", { ...this.described(), onchange: () => set(name, select.value) });
    return {
      node: h("div", { class: "control" }, select),
      show: (text) => {
        const models = form.schema.models[name] ?? [];
        const all = models.some((model) => model.name === text) || !text ? models : [...models, { name: text, have: true }];
        put(select, all.map((model) => h("option", { value: model.name }, model.have ? model.name : `${model.name} (not here yet)`)));
        select.value = text;
        const chosen = models.find((model) => model.name === text);
        select.title = chosen?.why ?? "";
      },
    };
  }

  perceptors() {
    const list = h("div", { class: "checks", role: "group", "aria-label": "Perceptors", "aria-describedby": `${this.id}-error ${this.id}-help`, id: this.id });
    const toggle = (name, checked) => {
      const chosen = currentValue("clip_models") ?? [];
      const next = checked ? [...chosen, name] : chosen.filter((one) => one !== name);
      set("clip_models", write(next));
    };
    const node = h("details", { class: "perceptors" }, h("summary", {}), list);
    return {
      node,
      show: () => {
        const chosen = currentValue("clip_models");
        const names = Array.isArray(chosen) ? chosen : [];
        const known = form.schema.models.clip_models ?? [];
        const all = [...known, ...names.filter((name) => !known.some((model) => model.name === name)).map((name) => ({ name, have: true }))];
        put(node.firstChild, names.join(", ") || "none");
        put(list, all.map((model) => h("label", { title: model.have ? null : model.why },
          h("input", { type: "checkbox", checked: names.includes(model.name), "data-key": model.name, onchange: (event) => toggle(model.name, event.target.checked) }),
          h("span", { class: model.have ? null : "absent" }, model.name))));
      },
    };
  }

  // What is below

  openCurve() {
    this.wantsCurve = !this.node.querySelector(".curve-editor");
    this.refresh();
    if (this.wantsCurve) this.node.querySelector(".handle")?.focus();
  }

  showCurve(text) {
    const { timed, keyframes, kind } = this.setting;
    if (!(timed || keyframes) || kind === "mapping") return;
    const wanted = this.wantsCurve ?? !(keyframes ? isNumber(text) : isConstant(text));
    if (!wanted) return this.curve?.node.remove();
    this.curve ??= new (keyframes ? FrameCurve : Curve)(this.setting, (written) => {
      this.wantsCurve = true; // also where all points now have one value
      set(this.setting.name, written);
    });
    if (!this.curve.node.isConnected) this.below.append(this.curve.node);
    this.curve.show(text === "" ? defaultText(this.setting.name) : text);
  }

  showPicture(text) {
    if (!PICTURES.has(this.setting.name) || this.shown === text) return;
    this.shown = text;
    const inside = text !== "alpha" && isInside(text);
    put(this.below, inside ? h("div", { class: "given" },
      picture(fileOf(text), `The picture of ${this.setting.name}`),
      this.setting.name === "init_image" ? h("a", { href: hashOf("mask", text) }, "Paint a mask") : null,
      button("Remove", () => set(this.setting.name, defaultText(this.setting.name)))) : null);
  }

  refresh() {
    const { name } = this.setting, text = textOf(name), error = form.errors[name] ?? "";
    this.control.show(text);
    this.node.classList.toggle("changed", isChanged(name));
    this.back.hidden = !isChanged(name);
    this.back.title = `Back to ${defaultText(name) || "none"}`;
    if (this.error.textContent !== error) this.error.textContent = error;
    this.node.classList.toggle("wrong", Boolean(error));
    const control = this.node.querySelector(`#${CSS.escape(this.id)}`);
    if (error) control?.setAttribute("aria-invalid", "true");
    else control?.removeAttribute("aria-invalid");
    this.showCurve(text);
    this.showPicture(text);
    if (name !== "by_frame") return;
    if (!this.byFrame) this.below.append((this.byFrame = new ByFrame()).node);
    this.byFrame.show();
  }
}

/** Help stays open below the field that was used last; it opens when no pointer is down, so that nothing moves under it. */
export function openHelp(root) {
  let down = false, waiting = null;
  const open = (field) => {
    for (const other of root.querySelectorAll(".field.open")) if (other !== field) other.classList.remove("open");
    field?.classList.add("open");
  };
  root.addEventListener("pointerdown", () => (down = true), true);
  window.addEventListener("pointerup", () => setTimeout(() => {
    down = false;
    if (waiting) open(waiting);
    waiting = null;
  }), true);
  root.addEventListener("focusin", (event) => {
    const field = event.target.closest(".field");
    if (!field) return;
    if (down) waiting = field;
    else open(field);
  });
}
