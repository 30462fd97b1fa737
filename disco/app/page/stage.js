// The picture of the job that is followed: as it stands, how far it is, what pulls, and what can be done with it.

import { emit, get, on, runOf } from "./api.js";
import { button, h, icon, icons, movie, picture, playable, put, say } from "./dom.js";
import { addressOf, isOver, isStudy, jobOf, jobs, running, shareOf, standOf, tell } from "./jobs.js";
import { Losses } from "./losses.js";

const IDEAS = ["a white lighthouse by the sea at dusk", "a red star over the sea", "a blue fish", "a green tree in the forest"];

export class Stage {
  constructor() {
    this.id = sessionStorage.getItem("disco.followed");
    this.losses = new Losses();
    this.frame = h("div", { class: "frame" });
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.stand = h("p", { class: "stand" });
    this.title = h("p", { class: "stage-title", dir: "auto" });
    this.actions = h("div", { class: "actions" });
    this.error = h("p", { class: "error", role: "alert" });
    this.node = h("section", { class: "stage", "aria-label": "The picture as it stands" },
      this.frame, this.title, this.bar, this.stand, this.error, this.actions, this.losses.node);
    on("queue", () => this.refresh());
    on("step", (told) => this.step(told));
    this.refresh();
  }

  /** Follow a job from now on. */
  follow(id) {
    this.id = id;
    sessionStorage.setItem("disco.followed", id);
    this.loaded = null;
    this.losses.clear();
    this.refresh();
    this.node.scrollIntoView({ block: "nearest" });
  }

  job() {
    return jobOf(this.id) ?? running()[0] ?? jobs.list.filter((job) => isOver(job) && !isStudy(job)).at(-1) ?? jobs.list[0];
  }

  refresh() {
    const job = this.job();
    this.node.classList.toggle("empty", !job);
    if (!job) return this.showEmpty();
    const key = `${job.id} ${job.state} ${job.folder} ${job.made}`;
    if (this.shown !== key) {
      if (this.shown?.split(" ")[0] !== job.id) this.losses.clear();
      if (this.shown && isOver(job)) say(`${job.title}: ${job.state}`);
      this.shown = key;
      this.load(job);
      this.drawActions(job);
    }
    this.title.textContent = job.title ?? "";
    this.error.textContent = job.error ?? "";
    this.bar.hidden = job.state !== "running";
    this.stand.hidden = job.state === "finished";
    this.showStand(job);
  }

  showStand(job) {
    this.bar.value = shareOf(job);
    this.bar.setAttribute("aria-valuetext", standOf(job));
    this.stand.textContent = standOf(job);
  }

  showEmpty() {
    if (this.shown === "") return;
    this.shown = "";
    for (const part of [this.bar, this.stand]) part.hidden = true;
    put(this.title);
    put(this.actions);
    put(this.frame, h("div", { class: "welcome" },
      h("h2", {}, "Nothing has been rendered here yet"),
      h("p", {}, "Write what you want to see, and press Render. Or begin with one of these:"),
      h("ul", {}, IDEAS.map((idea) => h("li", {}, button(idea, () => emit("idea", idea), { class: "idea" })))),
      h("p", { class: "note" }, "A picture of disco carries its settings: drop one anywhere on this page to take them.")));
  }

  /** What the run folder holds of it: the picture so far, or the finished one, and the losses. */
  async load(job) {
    if (this.pictureOf !== job.id) {
      this.pictureOf = null;
      put(this.frame, h("p", { class: "nothing" }, isStudy(job) ? "A study renders many pictures: look at them under Study." : isOver(job) ? "No picture" : "The picture will be here"));
    }
    if (isStudy(job) && job.picture) this.showPicture(job, job.picture);
    if (isStudy(job) || (!job.picture && !job.done)) return; // its folder may not be there yet: the steps tell of it
    let run;
    try {
      run = await get(runOf(job.folder));
    } catch {
      return; // it ended before it began
    }
    if (this.shown?.split(" ")[0] !== job.id) return;
    if (run.losses.rows?.length) this.losses.show(run.losses);
    const film = job.state === "finished" ? playable(run.films) : undefined;
    if (film) {
      this.pictureOf = job.id;
      return put(this.frame, movie(film));
    }
    const source = run.pictures.at(-1) ?? run.drafts[0];
    if (source) this.showPicture(job, source);
  }

  showPicture(job, source) {
    this.pictureOf = job.id;
    const image = this.frame.querySelector("img");
    if (image?.dataset.job === job.id) {
      // The next picture takes the place of this one when it is there, so that nothing flickers.
      const next = new Image();
      next.onload = () => (image.src = next.src);
      next.src = source;
      return;
    }
    put(this.frame, picture(source, job.title, null, { "data-job": job.id }));
  }

  step(told) {
    const job = this.job();
    if (!job || told.id !== job.id) return;
    this.showStand(told);
    if (told.done && told.loss !== null) this.losses.add(told.done, { loss: told.loss, ...told.losses });
    if (told.picture) this.showPicture(job, told.picture);
  }

  drawActions(job) {
    const act = (what) => () => tell(job.id, what);
    put(this.actions,
      job.state === "running" ? h("button", { type: "button", onclick: act("stop") }, icon(icons.stop), "Stop") : null,
      job.state === "stopped" ? h("button", { type: "button", class: "primary", onclick: act("go_on") }, icon(icons.go), "Go on") : null,
      job.state === "failed" ? h("button", { type: "button", onclick: act("again") }, icon(icons.again), "Try again") : null,
      job.made && (isOver(job) || isStudy(job)) ? h("a", { class: "button", href: addressOf(job) }, isStudy(job) ? "Look at the study" : "Open") : null);
  }
}
