// The place to study settings: axes and their values, what that would take, and the study's own page beside it.

import { get, on, post, reportOf } from "./api.js";
import { button, debounced, h, iconButton, put, say, toast } from "./dom.js";
import { asked, form, hasPrompt, promptSettings, textOf } from "./form.js";
import { Cells } from "./cells.js";
import { isOver, isStudy, jobs, running, shareOf, standOf, start, tell } from "./jobs.js";
import { go, hashOf } from "./routes.js";
import { ago, duration, plural } from "./words.js";

const KEPT = "disco.axes";
const LIVE = 4000; // milliseconds between two looks at a study that is rendered

export class Study {
  constructor() {
    this.axes = this.kept();
    this.rows = h("div", { class: "axes" });
    this.base = h("p", { class: "base", dir: "auto" });
    this.takes = h("p", { class: "takes", "aria-live": "polite" });
    this.wrong = h("p", { class: "error", role: "alert" });
    this.go = h("button", { type: "submit", class: "primary" }, "Start the study");
    this.others = h("div", { class: "others" });
    this.live = h("div", { class: "study-live" });
    this.look = h("div", { class: "study-look" });
    this.cells = new Cells();
    const names = h("datalist", { id: "setting-names" });
    put(names, form.schema.groups.flatMap((group) => group.settings).map((setting) => h("option", { value: setting.name }, setting.help.slice(0, 80))));
    this.form = h("form", { class: "form study-form", "aria-label": "A study", novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      this.render();
    } }, h("h1", {}, "Study"), h("p", { class: "note" }, "Every combination of the values below is rendered once, all else as it is in the render form."),
      this.base, names, this.rows, button("Add an axis", () => this.change([...this.axes, { name: "", text: "" }], this.axes.length), { class: "quiet" }),
      this.wrong, h("div", { class: "bottom-row" }, this.go, this.takes), this.others);
    this.node = h("div", { class: "place study-place" }, this.form, h("section", { class: "study-page", "aria-label": "The study's page" }, this.live, this.cells.node, this.look));
    this.ask = debounced(300, () => this.outlook());
    on("form", () => this.node.isConnected && this.refresh());
    on("queue", () => this.follow());
    on("step", (told) => told.folder === this.path && this.follow());
    this.drawRows();
  }

  kept() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
      if (Array.isArray(kept) && kept.length) return kept;
    } catch { /* begin anew */ }
    return [{ name: "clamp_max", text: "0.05, 0.2" }, { name: "seed", text: "0, 1" }];
  }

  show({ path }) {
    const other = path !== this.path;
    this.node.classList.toggle("opened", Boolean(path));
    this.path = path;
    this.refresh();
    this.list();
    if (other || !this.look.childElementCount) this.showPage();
    this.drawLive();
  }

  // Axes

  change(axes, focused) {
    this.axes = axes;
    this.drawRows();
    if (focused !== undefined) this.rows.querySelectorAll(".axis-name")[focused]?.focus();
    this.keep();
  }

  keep() {
    sessionStorage.setItem(KEPT, JSON.stringify(this.axes));
    this.ask();
  }

  drawRows() {
    this.counts = [];
    put(this.rows, this.axes.map((axis, index) => {
      const name = h("input", { type: "text", class: "axis-name", list: "setting-names", value: axis.name, spellcheck: "false", autocomplete: "off", placeholder: "setting", "aria-label": `Setting of axis ${index + 1}`, oninput: () => {
        axis.name = name.value.trim();
        this.hint(axis, values, help);
        this.keep();
      } });
      const values = h("input", { type: "text", class: "axis-values", value: axis.text, spellcheck: "false", autocomplete: "off", "aria-label": `Values of axis ${index + 1}`, "aria-describedby": `axis-help-${index}`, oninput: () => {
        axis.text = values.value;
        this.keep();
      } });
      const count = h("span", { class: "count", "aria-live": "polite" });
      const help = h("p", { class: "help", id: `axis-help-${index}` });
      this.counts.push({ axis, count });
      this.hint(axis, values, help);
      return h("div", { class: "axis" }, name, values, count, iconButton("close", `Remove axis ${index + 1}`, () => this.change(this.axes.filter((_, place) => place !== index), Math.max(0, index - 1))), help);
    }));
  }

  hint(axis, values, help) {
    const setting = form.settings[axis.name];
    values.placeholder = setting?.choices.length ? setting.choices.join(", ") : setting ? `${textOf(axis.name) || "1"}, …` : "values, with commas between";
    help.textContent = setting?.help ?? (axis.name ? "There is no such setting." : "");
  }

  chosen() {
    return Object.fromEntries(this.axes.filter((axis) => axis.name && axis.text.trim()).map((axis) => [axis.name, axis.text]));
  }

  body() {
    return { ...asked(), axes: this.chosen() };
  }

  refresh() {
    const words = Object.values(promptSettings())[0];
    put(this.base, hasPrompt() ? ["Base: ", h("b", {}, Array.isArray(words) ? words.join(" | ") : String(typeof words === "object" ? form.stages : words)),
      Object.keys(form.texts).length ? `, ${plural(Object.keys(form.texts).length, "setting")} changed` : ""] : ["The render form holds no prompt yet. ", h("a", { href: hashOf("render") }, "Write one")]);
    this.ask();
  }

  async outlook(costs = false) {
    const turn = (this.turn = (this.turn ?? 0) + 1), axes = this.chosen();
    if (!hasPrompt() && !("prompt" in axes)) return this.tell({ ok: false, errors: [] });
    if (!Object.keys(axes).length) return this.tell({ ok: false, errors: [] });
    let found;
    try {
      found = await post("/api/outlook", { ...this.body(), ...(costs && { costs: true }) });
    } catch (error) {
      found = { ok: false, errors: [{ setting: error.setting, error: error.message }] };
    }
    if (turn !== this.turn) return;
    this.tell(found);
    if (!costs && found.ok && this.node.isConnected) this.outlook(true);
  }

  tell(found) {
    this.wrong.textContent = found.errors.map(({ setting, error }) => (setting && !error.includes(setting) ? `${setting}: ${error}` : error)).join(" ");
    this.takes.textContent = found.ok ? [plural(found.cells, "cell"), found.seconds ? `about ${duration(found.seconds)}` : found.seconds === undefined ? "estimating …" : ""].filter(Boolean).join(" · ") : "";
    for (const { axis, count } of this.counts) {
      const own = found.axes?.[axis.name];
      count.textContent = own === undefined ? "" : plural(own, "value");
    }
  }

  async render() {
    if (!Object.keys(this.chosen()).length) {
      this.rows.querySelector("input")?.focus();
      return say("Choose a setting and its values first");
    }
    const job = await start({ kind: "study", ...this.body() });
    if (!job) return;
    say("In the queue");
    this.followed = job.id;
    if (job.folder) go("study", job.folder);
    else toast("In the queue");
  }

  // The page beside it

  job() {
    return jobs.list.findLast((job) => isStudy(job) && job.folder && job.folder === this.path);
  }

  follow() {
    const own = jobs.list.find((job) => job.id === this.followed);
    if (own?.folder && own.folder !== this.path && this.node.isConnected) go("study", own.folder);
    this.drawLive();
    const job = this.job(), key = job ? `${job.id} ${job.state} ${job.cells?.[0]}` : "";
    if (key !== this.stand && this.node.isConnected) this.renewPage(job && isOver(job));
    this.stand = key;
    const inner = jobs.list.filter((one) => this.path && one.folder?.startsWith(`${this.path}/`)).map((one) => `${one.id} ${one.state} ${one.cells?.[0]}`).join();
    if (inner !== this.inner && this.node.isConnected) this.cells.show(this.path); // drafts are rendered in full
    this.inner = inner;
    if (this.node.isConnected) this.list();
  }

  drawLive() {
    const job = this.job();
    put(this.live, job && !isOver(job) ? [
      h("progress", { max: 1, value: shareOf(job), "aria-label": "Progress of the study" }), h("span", {}, standOf(job)),
      running().includes(job) ? button("Stop", () => tell(job.id, "stop")) : null,
    ] : job?.state === "stopped" ? [h("span", {}, "Stopped."), button("Go on", () => tell(job.id, "go_on"), { class: "primary" })]
      : job?.error ? h("p", { class: "error" }, job.error) : null);
  }

  /** The page is there once a cell is finished. */
  hasPage() {
    const job = this.job();
    return !job || job.state === "finished" || (job.cells?.[0] ?? 0) > 0 || isOver(job);
  }

  showPage() {
    clearTimeout(this.timer);
    this.loaded = Date.now();
    this.cells.show(this.hasPage() ? this.path : "");
    if (!this.path) return put(this.look, h("p", { class: "nothing" }, "Start a study, or choose one of those that there are: its page is shown here."));
    const bar = h("div", { class: "study-bar" }, h("span", { dir: "auto" }, this.path), h("a", { href: reportOf(this.path), target: "_blank", rel: "noopener" }, "Open on its own"));
    if (!this.hasPage()) return put(this.look, bar, h("p", { class: "nothing" }, "The page comes with the first picture."));
    const frame = h("iframe", { src: reportOf(this.path), title: `The page of the study ${this.path}`, sandbox: "allow-scripts" });
    this.look.querySelector("iframe.coming")?.remove();
    const old = this.look.querySelector("iframe");
    if (!old || old.dataset.path !== this.path) put(this.look, bar, frame);
    else { // the new one takes the place of the old when it is there, so that nothing flickers
      frame.classList.add("coming");
      frame.addEventListener("load", () => {
        if (!frame.isConnected) return;
        old.remove();
        frame.classList.remove("coming");
      }, { once: true });
      this.look.append(frame);
    }
    frame.dataset.path = this.path;
  }

  /** Load the page again when cells came in, no more often than it is pleasant to look at, and not while it is used. */
  renewPage(now) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.node.isConnected || !this.path) return;
      if (document.activeElement?.tagName === "IFRAME" && !now) this.renewPage(false);
      else this.showPage();
    }, now ? 300 : Math.max(500, LIVE - (Date.now() - this.loaded)));
  }

  async list() {
    let found;
    try {
      found = await get("/api/runs?kind=study&limit=30");
    } catch {
      return;
    }
    put(this.others, found.runs.length ? [h("h2", {}, "Studies"), h("ul", {}, found.runs.map((run) => h("li", {},
      h("a", { href: hashOf("study", run.path), "aria-current": run.path === this.path ? "page" : null, dir: "auto" }, run.prompt || run.path),
      h("span", { class: "note" }, [run.cells ? `${Array.isArray(run.cells) ? run.cells.join(" of ") : run.cells} cells` : "", ago(run.when)].filter(Boolean).join(" · ")))))] : null);
  }
}
