// The queue, always in sight: a strip at the side of a wide screen, a bar at the bottom of a narrow one.

import { on, thumbOf } from "./api.js";
import { $, button, h, iconButton, keepingFocus, picture, put } from "./dom.js";
import { addressOf, isOver, jobs, running, shareOf, standOf, tell, waiting } from "./jobs.js";
import { ago, plural } from "./words.js";

const OVER = 8; // finished jobs that are kept in sight

export class Queue {
  constructor() {
    this.list = h("div", { class: "queue-list", id: "queue-list" });
    this.summary = h("button", { type: "button", class: "queue-summary", "aria-expanded": "false", "aria-controls": "queue-list", onclick: () => this.toggle() });
    this.bars = new Map();
    put($("queue"), h("h2", {}, "Queue"), this.summary, this.list);
    on("queue", () => this.draw());
    on("step", (told) => this.step(told));
    this.draw();
  }

  toggle(open = !$("queue").classList.contains("open")) {
    $("queue").classList.toggle("open", open);
    this.summary.setAttribute("aria-expanded", String(open));
  }

  draw() {
    this.bars.clear();
    const over = jobs.list.filter(isOver).reverse();
    keepingFocus(this.list, () => put(this.list,
      jobs.list.length ? null : h("p", { class: "note" }, jobs.known ? "Nothing waits. What you render, enlarge or study goes through here, one after another, also after a restart." : ""),
      this.section("Now", running()), this.section("Next", waiting()), this.section("Done", over.slice(0, OVER)),
      over.length > 1 ? button(`Clear ${plural(over.length, "done job")}`, () => over.forEach((job) => tell(job.id, "remove")), { class: "quiet", "data-key": "clear" }) : null));
    this.summarise();
  }

  section(title, list) {
    return list.length ? h("section", {}, h("h3", {}, title), h("ul", {}, list.map((job) => this.job(job)))) : null;
  }

  job(job) {
    const stand = h("span", { class: "job-stand" }, isOver(job) ? [h("span", { class: `state ${job.state}` }, job.state), ` ${ago(job.ended ?? job.created)}`] : standOf(job));
    const bar = job.state === "running" ? h("progress", { max: 1, value: shareOf(job), "aria-label": `Progress of ${job.title}` }) : null;
    if (!isOver(job)) this.bars.set(job.id, { stand, bar });
    const title = job.title || job.kind;
    const small = isOver(job) && job.picture ? picture(thumbOf(job.picture, 96), "", null, { loading: "lazy", class: "job-picture" }) : null;
    return h("li", { class: `job ${job.state}`, "data-job": job.id }, small,
      job.made ? h("a", { class: "job-title", dir: "auto", href: addressOf(job), title }, title) : h("span", { class: "job-title", dir: "auto", title }, title),
      bar, stand,
      job.error ? h("p", { class: "error" }, job.error) : null,
      h("div", { class: "job-actions" }, this.actions(job)));
  }

  actions(job) {
    const act = (name, label, what) => iconButton(name, `${label}: ${job.title}`, () => tell(job.id, what), { "data-key": `${what} ${job.id}` });
    if (job.state === "running") return [act("stop", "Stop", "stop")];
    if (job.state === "waiting") {
      const place = waiting().findIndex((one) => one.id === job.id);
      return [place > 0 ? act("up", "Earlier", "up") : null, place < waiting().length - 1 ? act("down", "Later", "down") : null, act("close", "Remove", "remove")];
    }
    return [
      job.state === "stopped" ? act("go", "Go on", "go_on") : null,
      job.state === "failed" ? act("again", "Try again", "again") : null,
      act("close", "Remove from the list", "remove"),
    ];
  }

  step(told) {
    const shown = this.bars.get(told.id);
    if (!shown) return;
    if (shown.bar) shown.bar.value = shareOf(told);
    shown.stand.textContent = standOf(told);
    this.summarise();
  }

  /** One line for the bar of a narrow screen. */
  summarise() {
    const [now] = running(), next = waiting().length, last = jobs.list.filter(isOver).at(-1);
    const failed = last?.state === "failed" && !now;
    put(this.summary,
      now ? h("progress", { max: 1, value: shareOf(now), "aria-hidden": "true" }) : null,
      h("span", { class: failed ? "error" : null }, now ? `${standOf(now)} · ${now.title}` : failed ? `${last.title}: failed` : "Queue"),
      next ? h("span", { class: "count" }, `${next} waiting`) : now || failed ? null : h("span", { class: "count" }, last ? plural(jobs.list.length, "done job") : "empty"));
  }
}
