// The place to render from: what is asked for on one side, the picture as it stands on the other.

import { on } from "./api.js";
import { button, chooser, h, iconButton, put, say, segments, toast } from "./dom.js";
import { about, Field, openHelp, TITLES } from "./fields.js";
import { asked, form, goBack, hasPrompt, isChanged, missingModels, remembered, reset, set, setPreset, setPrompts, textOf } from "./form.js";
import { jobs, start } from "./jobs.js";
import { Prompts } from "./prompts.js";
import { hashOf } from "./routes.js";
import { Stage } from "./stage.js";
import { takeFiles } from "./taking.js";
import { bytes, duration, plural } from "./words.js";

/** The settings that stand at the head of the form, whatever else is featured. */
const HEAD = ["width", "height", "seed", "steps", "n_batches"];
const MODELS = ["diffusion_model", "clip_models"];
const ELSEWHERE = new Set(["prompt", "prompts", ...HEAD, ...MODELS]);
/** What curves over the frames are drawn from, beside their own text. */
const FRAMES = new Set(["max_frames", "interp_spline"]);

export class Render {
  constructor() {
    this.fields = new Map();
    this.prompts = new Prompts();
    this.stage = new Stage();
    this.head = h("div");
    this.film = h("section", { class: "film-form", "aria-label": "Film" });
    this.featured = h("div", { class: "fields" });
    this.every = h("div", { class: "every" });
    this.go = h("button", { type: "submit", class: "primary render" }, "Render");
    this.takes = h("p", { class: "takes", "aria-live": "polite" });
    this.notes = h("ul", { class: "notes" });
    this.wrong = h("p", { class: "error", role: "alert" });
    this.form = h("form", { class: "form", "aria-label": "Settings", novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.render();
    } }, this.prompts.node, this.head, this.film, this.featured, this.all(), h("div", { class: "bottom" }, this.wrong, this.notes, h("div", { class: "bottom-row" }, this.go, this.takes)));
    this.node = h("div", { class: "place render-place" }, this.form, this.stage.node);
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
      else if (event.key === "Enter" && event.target.matches("input, textarea")) event.preventDefault();
    });
    openHelp(this.form);
    on("form", (name) => (name === null ? this.redraw() : this.refresh(name)));
    on("form", () => this.takes.classList.add("stale"));
    on("outlook", () => this.showOutlook());
    on("idea", (idea) => setPrompts([{ text: idea, weight: "1" }]));
    this.redraw();
  }

  // Drawing

  /** Everything anew: the schema's defaults are others. */
  redraw() {
    this.fields.clear();
    put(this.head, this.drawHead());
    this.drawFilm();
    const names = form.schema.featured.filter((name) => form.settings[name] && !ELSEWHERE.has(name));
    put(this.featured, names.map((name) => this.field(name).node));
    if (this.fold.open) this.drawAll();
    this.prompts.refresh();
    this.count();
  }

  field(name, title = null) {
    const field = new Field(form.settings[name], title);
    this.fields.set(name, [...(this.fields.get(name) ?? []), field]);
    return field;
  }

  drawHead() {
    const [width, height, seed, steps, batches] = HEAD.map((name) => this.field(name, TITLES[name]).node);
    seed.querySelector(".control").append(iconButton("dice", "Another seed", () => set("seed", String(Math.floor(Math.random() * 2 ** 31)))));
    return [
      h("div", { class: "head-row presets" },
        chooser("Preset", form.schema.presets.map((name) => [name === "default" ? "" : name, name]), form.preset ?? "", (name) => setPreset(name || null)),
        this.fileButton()),
      h("div", { class: "head-row size" }, width, h("span", { class: "times", "aria-hidden": "true" }, "×"), height, steps),
      h("div", { class: "head-row" }, seed, batches),
      h("div", { class: "head-row" }, MODELS.map((name) => this.field(name, TITLES[name]).node)),
    ];
  }

  /** Whether a film is made, and of one what the camera does. */
  drawFilm() {
    const mode = textOf("animation_mode"), names = form.schema.film[mode] ?? [];
    if (mode === this.mode && this.film.isConnected && this.film.childElementCount && this.fields.has("animation_mode")) return;
    this.mode = mode;
    for (const [name, fields] of this.fields) this.fields.set(name, fields.filter((field) => !this.film.contains(field.node)));
    const by = this.film.contains(document.activeElement);
    put(this.film, h("div", { class: "fields" }, this.field("animation_mode", "Film").node,
      [...names, ...(names.length ? ["by_frame"] : [])].map((name) => this.field(name, TITLES[name]).node)));
    if (by) this.film.querySelector("select").focus();
  }

  fileButton() {
    const input = h("input", { type: "file", hidden: true, "aria-label": "A picture or settings file", onchange: () => {
      takeFiles(input.files);
      input.value = "";
    } });
    return h("span", {}, input, button("Settings from a file", () => input.click(), { class: "quiet" }));
  }

  all() {
    this.search = h("input", { type: "search", placeholder: "Search settings", "aria-label": "Search settings", oninput: () => this.filter() });
    this.onlyChanged = false;
    this.changedCount = h("span", { class: "count" });
    this.fold = h("details", { class: "all" },
      h("summary", {}, "All settings ", this.changedCount),
      h("div", { class: "all-tools" }, this.search,
        segments("Which settings", "which", [["all", "All"], ["changed", "Changed"]], "all", (which) => {
          this.onlyChanged = which === "changed";
          this.filter();
        }),
        button("Reset all", () => this.resetAll(), { class: "quiet" })),
      this.every);
    this.fold.addEventListener("toggle", () => {
      if (this.fold.open && !this.every.childElementCount) this.drawAll();
      if (!this.fold.open) return;
      this.filter();
      this.fold.scrollIntoView({ block: "start" });
    });
    return this.fold;
  }

  /** Fields of over a hundred settings are made when somebody wants to see them. */
  drawAll() {
    put(this.every, form.schema.groups.map((group) => {
      const settings = group.settings.filter((setting) => !["prompt", "prompts"].includes(setting.name));
      return h("section", { class: "group" }, h("h3", {}, group.name), group.name === "run" ? null : h("p", { class: "note" }, group.help),
        h("div", { class: "fields" }, settings.map((setting) => this.field(setting.name).node)));
    }), h("p", { class: "nothing", hidden: true }, "No setting is called so."));
    this.filter();
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let any = false;
    for (const group of this.every.querySelectorAll(".group")) {
      let shown = false;
      for (const node of group.querySelectorAll(".field")) {
        const setting = form.settings[node.dataset.setting];
        const text = `${setting.name} ${setting.name.replaceAll("_", " ")} ${about(setting)}`.toLowerCase();
        node.hidden = !words.every((word) => text.includes(word)) || (this.onlyChanged && !isChanged(setting.name));
        shown ||= !node.hidden;
      }
      group.hidden = !shown;
      any ||= shown;
    }
    const nothing = this.every.querySelector(":scope > .nothing");
    if (nothing) {
      nothing.hidden = any;
      nothing.textContent = this.onlyChanged && !words.length ? "Everything is as the preset has it." : "No setting has these words.";
    }
  }

  /** Come here: to a setting, where the address names one. */
  show({ query }) {
    const { setting } = query;
    if (!form.settings[setting]) return;
    history.replaceState(null, "", hashOf("render")); // the same link leads there again
    this.reveal(setting);
  }

  /** The field of a setting, in the fold of all where it stands nowhere else. */
  reveal(name) {
    const field = () => this.fields.get(name)?.find((one) => this.fold.open || !this.fold.contains(one.node));
    if (!field()) {
      this.fold.open = true;
      if (!this.every.childElementCount) this.drawAll();
    }
    if (field()?.node.closest("[hidden]")) {
      this.search.value = "";
      this.fold.querySelector('.segments input[value="all"]').click();
      this.filter();
    }
    const found = field();
    requestAnimationFrame(() => { // once the fold has scrolled to its head
      if (!found) return this.prompts.node.querySelector("textarea").focus();
      found.focus();
      found.node.scrollIntoView({ block: "center" });
    });
  }

  refresh(name) {
    if (name === "animation_mode") this.drawFilm();
    for (const field of this.fields.get(name) ?? []) field.refresh();
    if (FRAMES.has(name)) for (const field of [...this.fields.values()].flat()) if (field.setting.keyframes || field.byFrame) field.refresh();
    this.prompts.refresh();
    this.count();
  }

  count() {
    const count = Object.keys(form.texts).length;
    this.changedCount.textContent = count ? `${count} changed` : "";
  }

  resetAll() {
    const before = remembered();
    for (const name of Object.keys(form.texts)) reset(name);
    toast("All settings are as the preset has them", { actions: [["Undo", () => goBack(before)]] });
  }

  // What it would take

  showOutlook() {
    const outlook = form.outlook;
    for (const fields of this.fields.values()) for (const field of fields) field.refresh();
    this.prompts.refresh();
    const elsewhere = Object.entries(form.errors).filter(([name]) => !this.isShown(name));
    this.wrong.textContent = elsewhere.map(([name, error]) => (name && !error.includes(name) ? `${name}: ${error}` : error)).join(" ");
    this.takes.classList.remove("stale");
    this.takes.textContent = outlook.ok ? [
      outlook.size ? outlook.size.join(" × ") : "", outlook.steps ? plural(outlook.steps, "step") : "",
      outlook.pictures > 1 ? plural(outlook.pictures, outlook.film ? "frame" : "picture") : "", bytes(outlook.memory),
      outlook.seconds === undefined && hasPrompt() ? "estimating …" : "",
    ].filter(Boolean).join(" · ") : "";
    this.go.textContent = outlook.ok && outlook.seconds ? `Render · ${outlook.seconds < 1 ? "" : "about "}${duration(outlook.seconds)}` : "Render";
    const missing = outlook.ok ? missingModels() : [];
    put(this.notes,
      missing.length ? h("li", { class: "odd" }, `Not on this machine: ${missing.map((model) => model.name).join(", ")}. `, h("code", {}, `disco models fetch ${missing.map((model) => model.name).join(" ")}`)) : null,
      (outlook.notes ?? []).map((note) => h("li", {}, note)));
  }

  /** Whether a setting's own field shows its error to somebody who has not unfolded anything. */
  isShown(name) {
    if (["prompt", "prompts"].includes(name)) return true;
    return (this.fields.get(name) ?? []).some((field) => this.fold.open || !this.fold.contains(field.node));
  }

  // Doing

  async render() {
    if (!hasPrompt()) {
      this.prompts.node.querySelector("textarea").focus();
      say("Say what you want to see first");
      return;
    }
    if (Object.keys(form.errors).length) {
      const first = this.form.querySelector(".field.wrong:not([hidden]), .prompts.wrong");
      first?.querySelector("input, select, textarea")?.focus();
      if (first) return;
    }
    const job = await start({ kind: textOf("animation_mode") === "none" ? "render" : "film", ...asked() });
    if (!job) return;
    say("In the queue");
    if (!jobs.list.some((one) => one.state === "running" && one.id !== job.id)) this.stage.follow(job.id);
    else toast("In the queue, behind what is rendered now");
  }
}
