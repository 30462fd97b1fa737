// A run's own page: its pictures, how they came about, the settings that differ, and what can be made of it.

import { get, on, runOf, thumbOf } from "./api.js";
import { stepsInput, stepsOf } from "./cells.js";
import { button, commandLine, h, iconButton, keepingFocus, movie, picture, playable, put, segments, toast } from "./dom.js";
import { write } from "./flow.js";
import { take } from "./form.js";
import { addressOf, isStudy, jobs, start } from "./jobs.js";
import { Losses } from "./losses.js";
import { facts } from "./prose.js";
import { go, hashOf } from "./routes.js";
import { startFrom } from "./taking.js";
import { duration, short } from "./words.js";

/** Where in the folder the file of an address lies. */
const pathOf = (url) => decodeURIComponent(url.split("?")[0].replace(/^\/files\//, ""));

/** A run with its pictures as {url, path, seed} and its partials as {url, picture, percent}. */
function withPictures(run) {
  // A film's pictures are its frames, or where it has none yet, the sheet of those there are.
  const film = run.kind === "film", shown = film && run.frames.length ? run.frames : run.pictures;
  const pictures = shown.map((url, index) => ({ url, path: pathOf(url), seed: film ? undefined : run.seeds[index], name: film ? `Frame ${Number(/(\d+)\.\w+$/.exec(pathOf(url))?.[1] ?? 0)}` : `Picture ${index + 1}` }));
  const partials = run.partials.map((url) => {
    const [, picture, percent] = /_(\d+)_at_([\d.]+)\.\w+$/.exec(pathOf(url)) ?? [null, 0, null];
    return { url, picture: Number(picture), percent: percent === null ? null : Number(percent) };
  });
  const { width, height } = run.settings; // of an enlargement, those of a tile
  return { ...run, pictures, partials, size: width && height && run.kind !== "enlargement" ? [width, height] : null };
}

const MOST_DRAFTS = 256;
const seedOf = () => Math.floor(Math.random() * 2 ** 31);

export class Run {
  constructor(gallery) {
    this.gallery = gallery;
    this.node = h("div", { class: "place run-place" });
    this.node.addEventListener("keydown", (event) => this.key(event));
    on("queue", () => this.renew());
  }

  async show({ path }) {
    if (this.path !== path) put(this.node, h("p", { class: "nothing" }, "…"));
    this.path = path;
    this.seen = this.stamp();
    let run;
    try {
      run = await get(runOf(path));
    } catch (error) {
      if (this.path === path) put(this.node, h("div", { class: "nothing" }, h("p", {}, error.message), h("a", { href: hashOf("gallery") }, "To the gallery")));
      return;
    }
    if (this.path !== path) return;
    if (run.kind === "study") return void location.replace(hashOf("study", path));
    this.run = withPictures(run);
    this.chosen = Math.min(this.chosenOf === path ? this.chosen : run.films.length ? -1 : 0, Math.max(0, this.run.pictures.length - 1));
    this.chosenOf = path;
    this.draw();
    if (!this.node.contains(document.activeElement)) this.node.querySelector("h1").focus({ preventScroll: true });
  }

  stamp() {
    return jobs.list.filter((job) => job.folder === this.path).map((job) => `${job.id} ${job.state}`).join();
  }

  /** Read again what a job has changed. */
  renew() {
    if (this.node.isConnected && this.path !== undefined && this.stamp() !== this.seen) this.show({ path: this.path });
  }

  draw() {
    const { run } = this, title = run.settings.prompt ?? (run.settings.prompts ? write(run.settings.prompts) : run.path);
    document.title = `${title} – disco`;
    put(this.node,
      h("div", { class: "run-look" }, this.frame = h("div", { class: "frame" }), this.below = h("div", { class: "run-below" })),
      h("div", { class: "run-facts" },
        h("div", { class: "run-head" }, h("h1", { tabindex: -1, dir: "auto" }, title),
          [["up", "Newer", -1], ["down", "Older", 1]].map(([name, label, way]) => this.gallery.neighbour(this.path, way)
            ? iconButton(name, label, () => location.replace(hashOf("gallery", this.gallery.neighbour(this.path, way)))) : null),
          iconButton("close", "Back to the gallery", () => this.gallery.leave())),
        this.note = h("p", { class: "note" }),
        run.error ? h("p", { class: "error" }, run.error) : null,
        this.acting = this.actions(), this.details()));
    this.showPicture();
    this.drawBelow();
  }

  facts() {
    const { run } = this, picture = run.pictures[this.chosen];
    const seed = picture?.seed ?? run.settings?.seed;
    return [
      run.size ? run.size.join(" × ") : "", run.status === "finished" ? "" : run.status, seed !== undefined ? `seed ${seed}` : "",
      run.seconds ? duration(run.seconds) : "", picture && run.kind === "film" ? picture.name.toLowerCase() : "", run.path,
    ].filter(Boolean);
  }

  showPicture(source = this.run.pictures[this.chosen]?.url ?? this.run.drafts[0]) {
    const film = playable(this.run.films);
    this.note.textContent = this.facts().join(" · ");
    put(this.frame, this.chosen === -1 && film ? movie(film)
      : source ? picture(source, this.pictureNow()?.name ?? "The picture so far", this.run.size)
      : h("p", { class: "nothing" }, this.run.status === "running" ? "On its way" : "It left no picture."));
  }

  // Below the picture: all pictures, and the way to this one

  drawBelow() {
    const { pictures, films } = this.run;
    const choose = (index) => {
      this.chosen = index;
      this.showPicture();
      keepingFocus(this.below, () => this.drawBelow());
      const acting = this.actions(); // with this picture
      this.acting.replaceWith(acting);
      this.acting = acting;
    };
    const own = this.partials();
    const { scrollLeft = 0 } = this.below.querySelector(".strip") ?? {};
    put(this.below,
      pictures.length > 1 || films.length ? h("div", { class: "strip", role: "group", "aria-label": "All pictures" },
        films.length ? button("Film", () => choose(-1), { class: "thumb", "data-key": -1, "aria-pressed": String(this.chosen === -1) }) : null,
        pictures.map((one, index) => h("button", { type: "button", class: "thumb", "aria-pressed": String(index === this.chosen), "aria-label": one.name, "data-key": index, onclick: () => choose(index) },
          picture(thumbOf(one.url, 128), "", null, { loading: "lazy" })))) : null,
      own.length ? this.way(own) : null,
      this.lossesOf());
    this.below.querySelector(".strip")?.scrollTo(scrollLeft, 0);
  }

  partials() {
    return this.run.partials.filter((one) => one.picture === Math.max(0, this.chosen));
  }

  /** The pictures on the way as a strip of film, with a slider that shows them large. */
  way(partials) {
    const last = this.run.pictures[this.chosen];
    const frames = [...partials.map((one) => [one.url, one.percent === null ? pathOf(one.url).split("/").at(-1) : `${one.percent} %`]), ...(last ? [[last.url, "the end"]] : [])];
    const show = (index) => {
      this.showPicture(frames[index][0]);
      slider.value = index;
      slider.setAttribute("aria-valuetext", frames[index][1]);
      strip.querySelectorAll("button").forEach((node, place) => node.setAttribute("aria-pressed", String(place === index)));
    };
    const slider = h("input", { type: "range", min: 0, max: frames.length - 1, step: 1, value: frames.length - 1, "aria-label": "How far into the run", oninput: () => show(Number(slider.value)) });
    const strip = h("div", { class: "film-strip" }, frames.map(([url, text], index) =>
      h("button", { type: "button", "aria-label": text, "aria-pressed": String(index === frames.length - 1), onclick: () => show(index) }, picture(url, "", null, { loading: "lazy" }), h("span", {}, text))));
    return h("section", { class: "way" }, h("h2", {}, "On the way"), slider, strip);
  }

  lossesOf() {
    if (!this.run.losses?.rows?.length) return null;
    const losses = new Losses();
    losses.show(this.run.losses);
    return h("section", {}, h("h2", {}, "Losses"), losses.node);
  }

  // What can be done

  pictureNow() {
    return this.run.pictures[Math.max(0, this.chosen)];
  }

  actions() {
    const { run } = this, one = this.pictureNow(), shown = this.chosen === -1 ? playable(run.films) : one?.url, stopped = ["interrupted", "stopped", "failed"].includes(run.status);
    const ofTiles = run.kind === "enlargement"; // its settings are those of its tiles
    return h("div", { class: "run-actions" },
      stopped ? button("Go on", () => this.queue({ kind: "resume", picture: run.path }), { class: "primary" }) : null,
      run.draft !== null ? button("Render in full", () => this.queue({ kind: "promote", picture: run.study, seeds: String(run.draft.seed) }), { class: "primary" }) : null,
      run.draft !== null ? this.menu("In other steps", () => this.promoting()) : null,
      ofTiles ? null : button("Use these settings", () => this.use(), { class: stopped || run.draft !== null ? null : "primary" }),
      one ? [
        ofTiles || run.kind === "film" ? null : this.menu("Vary this", () => this.variation()),
        run.kind === "run" && run.draft === null ? this.menu("Drafts", () => this.drafting()) : null,
        run.kind === "film" ? null : this.menu("Enlarge", () => this.enlarging()), // whose frames do not say what they show
        h("a", { class: "button", href: hashOf("mask", one.path) }, "Mask"),
        button("Start from this", () => startFrom(one.path)),
        h("a", { class: "button", href: shown, download: pathOf(shown).split("/").at(-1) }, "Save"),
      ] : null,
      run.study ? h("a", { class: "button", href: hashOf("study", run.study) }, run.draft === null ? "Its study" : "All drafts") : null,
      run.report ? h("a", { class: "button", href: run.report, target: "_blank", rel: "noopener" }, "Its page") : null);
  }

  menu(text, inside) {
    const fold = h("details", { class: "menu" }, h("summary", { class: "button" }, text));
    fold.addEventListener("toggle", () => {
      if (!fold.open) return;
      if (!fold.children[1]) fold.append(inside());
      fold.children[1].scrollIntoView({ block: "nearest" }); // on a narrow screen it may be below it
    });
    fold.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !fold.open) return;
      event.stopPropagation();
      fold.open = false;
      fold.firstChild.focus();
    });
    return fold;
  }

  variation() {
    let way = "seed";
    const count = h("input", { type: "number", min: 1, max: 16, value: 4, "aria-label": "How many" });
    return h("div", { class: "menu-box" },
      segments("What stays", "vary", [["seed", "New seeds"], ["noise", "Same noise"]], way, (chosen) => (way = chosen)),
      h("p", { class: "note" }, "The same noise keeps where things are; new seeds draw all anew."),
      h("label", { class: "inline" }, h("span", {}, "How many"), count),
      button("Render", () => this.vary(way, Math.min(16, Math.max(1, Number(count.value) || 1))), { class: "primary" }));
  }

  async vary(way, count) {
    const settings = this.settings(), one = this.pictureNow();
    if (way === "seed") {
      await this.queue({ kind: "render", ...settings, settings: { ...settings.settings, seed: seedOf(), noise_seed: null, n_batches: count } });
      return;
    }
    const noise = settings.settings.noise_seed ?? one?.seed ?? this.run.settings.seed;
    for (let made = 0; made < count; made += 1) { // a run each: its noise goes up with the pictures of a run
      const job = { kind: "render", ...settings, settings: { ...settings.settings, seed: seedOf(), noise_seed: noise, n_batches: 1 } };
      if (!(await this.queue(job))) return;
    }
  }

  promoting() {
    const { settings, draft, study } = this.run;
    const steps = stepsInput(draft.full.steps ?? settings.steps);
    return h("div", { class: "menu-box" }, h("p", { class: "note" }, "More steps from the same noise: the same picture, more or less, with more care."),
      h("label", { class: "inline" }, h("span", {}, "Steps"), steps),
      button("Render in full", () => this.queue({ kind: "promote", picture: study, seeds: String(draft.seed), ...stepsOf(steps) }), { class: "primary" }));
  }

  drafting() {
    const count = h("input", { type: "number", min: 2, max: MOST_DRAFTS, value: 16, "aria-label": "How many seeds" });
    const first = h("input", { type: "number", min: 0, max: 2 ** 31, value: (this.pictureNow()?.seed ?? 0) + 1, "aria-label": "From seed" });
    const costs = h("p", { class: "note" });
    const tell = () => {
      const { seconds } = this.run, pictures = Math.max(1, this.run.pictures.length);
      costs.textContent = seconds ? `About ${duration((seconds / pictures) * 0.25 * Number(count.value))}, as this picture took.` : "";
    };
    count.addEventListener("input", tell);
    tell();
    return h("div", { class: "menu-box" },
      h("p", { class: "note" }, "Cheap drafts of other seeds, which stop after a quarter of the steps: enough to see where things will be. Those that you like can then be rendered in full."),
      h("label", { class: "inline" }, h("span", {}, "How many"), count),
      h("label", { class: "inline" }, h("span", {}, "From seed"), first), costs,
      button("Render drafts", () => this.draft(Number(first.value) || 0, Math.min(MOST_DRAFTS, Math.max(2, Number(count.value) || 2))), { class: "primary" }));
  }

  async draft(first, count) {
    await this.queue({ kind: "scan", ...this.settings(), seeds: `${first}-${first + count - 1}` });
  }

  enlarging() {
    const [width, height] = this.run.size ?? [];
    return h("div", { class: "menu-box" }, h("p", { class: "note" }, "Rendered again tile by tile, so that it gains detail."),
      [2, 4].map((by) => button(`× ${by}${width ? `, ${width * by} × ${height * by}` : ""}`, () => this.queue({ kind: "enlarge", picture: this.pictureNow().path, by }))));
  }

  /** What a job needs to render this again; of a draft, in full. */
  settings() {
    return { preset: null, settings: { ...this.run.changed, ...this.run.draft?.full } };
  }

  async queue(job) {
    const made = await start(job);
    if (made) toast("In the queue", { actions: isStudy(made) ? [["Look", () => (location.hash = addressOf(made))]] : [] });
    for (const fold of this.node.querySelectorAll(".menu[open]")) fold.open = false;
    return made;
  }

  async use() {
    const { settings, preset } = this.settings();
    const seed = this.pictureNow()?.seed;
    await take({ ...settings, ...(seed !== undefined && seed !== null && { seed, n_batches: 1 }) }, { preset });
    go("render");
    toast("Its settings are in the form");
  }

  // What it is

  details() {
    const { run } = this;
    const changed = Object.entries(run.changed ?? {}).filter(([name]) => !["prompt", "prompts"].includes(name));
    const pairs = (entries) => facts(entries.map(([name, value]) => [name, write(value) || "none"]));
    const metrics = Object.entries(run.metrics[Math.max(0, this.chosen)] ?? {}).filter(([, value]) => value !== null && typeof value !== "object");
    return [
      h("section", {}, h("h2", {}, "Settings that differ"), changed.length ? pairs(changed) : h("p", { class: "note" }, "All but the prompt are as usual."),
        run.settings ? h("details", {}, h("summary", {}, "All settings"), pairs(Object.entries(run.settings))) : null),
      run.command ? h("section", {}, h("h2", {}, "Command line"), commandLine(run.command)) : null,
      metrics.length ? h("section", {}, h("h2", {}, "Measured"), pairs(metrics.map(([name, value]) => [name, typeof value === "number" ? short(value, 3) : value]))) : null,
      run.notes?.length ? h("section", {}, h("h2", {}, "Notes"), h("ul", { class: "notes" }, run.notes.map((note) => h("li", {}, note)))) : null,
    ];
  }

  key(event) {
    if (event.target.matches("input, select, textarea, video, [role=slider]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return this.gallery.leave();
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = way && this.gallery.neighbour(this.path, way);
    if (!next) return;
    event.preventDefault();
    location.replace(hashOf("gallery", next));
  }
}
