// Everything below the folder, newest first: thousands of runs, fetched and drawn as far as one looks.

import { get, on } from "./api.js";
import { chooser, debounced, h, picture, put } from "./dom.js";
import { jobs } from "./jobs.js";
import { go, hashOf, here } from "./routes.js";
import { ago, plural } from "./words.js";

const PAGE = 60;
const KINDS = [["", "Everything"], ["run", "Pictures"], ["study", "Studies"], ["film", "Films"], ["enlargement", "Enlargements"]];
const DRAWN = { run: "picture", study: "study", film: "film", enlargement: "enlargement" };

export class Gallery {
  constructor() {
    this.find = h("input", { type: "search", placeholder: "Search prompts", "aria-label": "Search the gallery", oninput: debounced(250, () => this.ask()) });
    this.kind = "";
    this.count = h("span", { class: "note", "aria-live": "polite" });
    this.kinds = h("span");
    this.tiles = h("ul", { class: "tiles" });
    this.end = h("div", { class: "end" });
    this.node = h("div", { class: "place gallery-place" },
      h("div", { class: "gallery-bar" }, h("h1", {}, "Gallery"), this.find, this.kinds, this.count), this.tiles, this.end);
    new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.more(), { rootMargin: "1200px" }).observe(this.end);
    this.tiles.addEventListener("keydown", (event) => this.key(event));
    let over = "";
    on("queue", () => {
      const now = jobs.list.map((job) => `${job.id} ${job.state} ${job.folder} ${job.cells?.[0]}`).join();
      if (now !== over && this.node.isConnected && this.asked !== undefined) this.renew();
      over = now;
    });
  }

  /** Come here: as the address says. */
  show({ query }) {
    const asked = JSON.stringify([query.find ?? "", query.kind ?? ""]);
    this.find.value = query.find ?? "";
    this.kind = query.kind ?? "";
    put(this.kinds, chooser("Show", KINDS, this.kind, (kind) => {
      this.kind = kind;
      this.ask();
    }));
    if (asked === this.asked) return this.renew();
    this.asked = asked;
    this.begin();
  }

  ask() {
    history.replaceState(null, "", hashOf("gallery", "", { find: this.find.value.trim(), kind: this.kind }));
    this.show(here());
  }

  async begin() {
    put(this.tiles);
    this.paths = new Map();
    this.next = "";
    this.turn = (this.turn ?? 0) + 1;
    this.busy = false;
    await this.more();
  }

  address(after, limit = PAGE) {
    const words = { after, limit, find: this.find.value.trim(), kind: this.kind };
    return `/api/runs?${new URLSearchParams(Object.entries(words).filter(([, value]) => value))}`;
  }

  async more() {
    if (this.busy || this.next === null || this.next === undefined) return;
    this.busy = true;
    const turn = this.turn;
    try {
      const found = await get(this.address(this.next));
      if (turn !== this.turn) return;
      this.next = found.next ?? null;
      this.tell(found.total);
      this.tiles.append(...found.runs.map((run) => this.tile(run)));
      if (!this.paths.size) this.nothing();
    } catch (error) {
      if (turn === this.turn) put(this.end, h("p", { class: "nothing" }, error.message));
    }
    this.busy = false;
    // Where the first page does not fill the window, its end is still in sight and would not come into it.
    if (this.next && this.node.isConnected && this.end.getBoundingClientRect().top < innerHeight + 1200) this.more();
  }

  tell(total) {
    this.count.textContent = total === undefined ? "" : plural(total, "result").replace("result", this.kind ? DRAWN[this.kind] ?? "result" : "entry").replace("entrys", "entries").replace("studys", "studies");
    put(this.end);
  }

  nothing() {
    put(this.end, this.find.value || this.kind ? h("p", { class: "nothing" }, "Nothing here is like that.")
      : h("div", { class: "nothing" }, h("p", {}, "Nothing has been rendered in this folder yet."), h("a", { class: "button", href: hashOf("render") }, "Render something")));
  }

  /** The newest ones anew, before those that are drawn already. */
  async renew() {
    const turn = this.turn;
    let found;
    try {
      found = await get(this.address(""));
    } catch {
      return;
    }
    if (turn !== this.turn) return;
    this.tell(found.total);
    if (found.total === 0) return this.begin();
    let before = null;
    for (const run of found.runs) {
      const old = this.paths.get(run.path);
      const tile = old && old.dataset.as === JSON.stringify(run) ? old : this.tile(run);
      if (old && tile !== old) old.replaceWith(tile);
      else if (!old) before ? before.after(tile) : this.tiles.prepend(tile);
      before = tile;
    }
  }

  tile(run) {
    const ratio = run.size ? Math.min(3, Math.max(0.4, run.size[0] / run.size[1])) : 1;
    const words = run.prompt || run.path;
    const image = run.thumb ? picture(run.thumb, "", null, { loading: "lazy" }) : h("span", { class: "blank" }, run.status === "running" ? "on its way" : "no picture");
    const tile = h("li", { class: "tile", style: { "--ratio": ratio }, "data-as": JSON.stringify(run) },
      h("a", { href: run.kind === "study" ? hashOf("study", run.path) : hashOf("gallery", run.path), "aria-label": [words, run.kind === "run" ? "" : DRAWN[run.kind], run.status === "finished" ? "" : run.status].filter(Boolean).join(", ") },
        h("span", { class: "tile-picture" }, image,
          run.kind !== "run" || run.pictures > 1 ? h("span", { class: "badge" }, run.kind === "study" && run.cells ? `${Array.isArray(run.cells) ? run.cells[1] : run.cells} cells` : run.kind !== "run" ? DRAWN[run.kind] : `${run.pictures}`) : null),
        h("span", { class: "tile-words", dir: "auto" }, words),
        h("span", { class: "tile-when" }, run.status !== "finished" ? h("span", { class: `state ${run.status}` }, run.status, " ") : null, ago(run.when))));
    this.paths.set(run.path, tile);
    return tile;
  }

  /** Arrow keys go from tile to tile, up and down by their places. */
  key(event) {
    const links = [...this.tiles.querySelectorAll("a")];
    const index = links.indexOf(document.activeElement);
    if (index < 0) return;
    const own = links[index].getBoundingClientRect();
    const middle = (box) => box.left + box.width / 2;
    const nearest = (row) => row.reduce((best, link) =>
      (best === null || Math.abs(middle(link.getBoundingClientRect()) - middle(own)) < Math.abs(middle(best.getBoundingClientRect()) - middle(own)) ? link : best), null);
    const rowOf = (list, sign) => {
      const beyond = list.filter((link) => sign * (link.getBoundingClientRect().top - own.top) > 8);
      if (!beyond.length) return [];
      const top = beyond[0].getBoundingClientRect().top;
      return beyond.filter((link) => Math.abs(link.getBoundingClientRect().top - top) < 8);
    };
    const target = {
      ArrowRight: () => links[index + 1],
      ArrowLeft: () => links[index - 1],
      ArrowDown: () => nearest(rowOf(links.slice(index), 1)),
      ArrowUp: () => nearest(rowOf(links.slice(0, index).reverse(), -1)),
      Home: () => links[0],
      End: () => links.at(-1),
    }[event.key]?.();
    if (!target) return;
    event.preventDefault();
    target.focus();
  }

  /** The run before or after another, among those that are drawn. */
  neighbour(path, way) {
    const paths = [...this.tiles.querySelectorAll(".tile")].map((tile) => JSON.parse(tile.dataset.as)).filter((run) => run.kind !== "study").map((run) => run.path);
    const place = paths.indexOf(path);
    return place < 0 ? undefined : paths[place + way];
  }

  leave() {
    go("gallery", "", { find: this.find.value.trim(), kind: this.kind });
  }
}
