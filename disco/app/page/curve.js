// A setting as a curve that can be drawn by hand, with pointer and keyboard: over the run, in steps and straight lines.
// What is another over the frames of a film: frames.js.

import { post } from "./api.js";
import { button, debounced, h, keepingFocus, put, segments, svg } from "./dom.js";
import { digits, ENTRIES, keepLines, linesOf, round, scheduleText, valueAt } from "./schedule.js";

const WIDTH = 420, HEIGHT = 132, LEFT = 40, RIGHT = 10, TOP = 10, BOTTOM = 20;
const within = (value, low, high) => Math.min(high, Math.max(low, value));
const OVER_THE_RUN = [["noise", 0, "start"], ["50 %", 500, "middle"], ["picture", ENTRIES, "end"]];
const TOPS = [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10]; // of a plot, whose halves are round, too
let count = 0;

export class Curve {
  /** setting: of the schema, or as one of it; changed(text): called with the new text whenever the curve was moved. */
  constructor(setting, changed) {
    this.setting = setting;
    this.called = setting.name.replace("by_frame.", "");
    this.changed = changed;
    this.end = ENTRIES; // where the plot ends
    this.snap = 10; // entries that the pointer moves by
    this.firstMoves = false; // whether the first point can be moved along the plot
    this.points = [[0, 0]];
    this.lines = false;
    this.name = `curve-${++count}`;
    this.integer = setting.whole;
    this.plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "group", "aria-label": `${this.called} ${this.over()}` });
    this.tools = h("div", { class: "curve-tools" });
    this.node = h("div", { class: "curve-editor", "data-curve": setting.name }, this.plot, this.tools);
    this.plot.addEventListener("dblclick", (event) => this.add(this.entryAt(event)));
    this.plot.addEventListener("pointerdown", (event) => this.press(event));
    this.ask = debounced(120, (text) => this.readText(text));
  }

  // What is another over frames

  over() {
    return "over the run";
  }

  ticks() {
    return OVER_THE_RUN;
  }

  placeOf(entry) {
    return `from ${Math.round(entry / 10)} % of the noise levels on`;
  }

  /** The points that a text stands for, or null for one that cannot be read. */
  async read(text) {
    const curve = await post("/api/curve", { setting: this.setting.name, value: text });
    const lines = linesOf(text);
    this.lines = lines !== null || /^\s*(interp|\{)/.test(text);
    if (lines !== null) return lines;
    // The corners of the curve: of steps, those that begin a value; its end is no point of its own.
    return curve.points.filter(([entry, value], index) =>
      index === 0 || (entry < ENTRIES && (this.lines || value !== curve.points[index - 1][1])));
  }

  write() {
    const text = scheduleText(this.points, this.lines, this.integer);
    if (this.lines && text.startsWith("[")) keepLines(text, this.points);
    return text;
  }

  path() {
    return `${this.points.map(([entry, value], index) =>
      index === 0 ? `M${this.x(0)} ${this.y(value)}` : this.lines ? `L${this.x(entry)} ${this.y(value)}` : `H${this.x(entry)}V${this.y(value)}`).join("")}H${this.x(this.end)}`;
  }

  hint() {
    return "Drag points, or use the arrow keys; Delete takes one away";
  }

  /** What is drawn behind the curve. */
  behind() {
    return null;
  }

  handles() {
    return this.points.map((point, index) => this.handle(point, index));
  }

  valueAt(entry) {
    return valueAt(this.points, this.lines, entry);
  }

  /** How the way from point to point is chosen. */
  ways() {
    return segments("Between points", this.name, [["steps", "Steps"], ["lines", "Lines"]], this.lines ? "lines" : "steps", (way) => {
      this.lines = way === "lines";
      this.tell();
    });
  }

  /** Show what a text means; an unreadable text leaves the curve and says so by its colour. */
  show(text) {
    if (text !== this.text) this.take(text);
  }

  /** Until a text that was typed is read, no point can be moved: that would write the old points over the text. */
  take(text) {
    if (text !== this.text) this.node.inert = true;
    this.text = text;
    this.ask(text);
  }

  async readText(text) {
    if (text !== this.text) return; // the curve was moved meanwhile
    let points = null;
    try {
      points = await this.read(text);
    } catch { /* its field says why */ }
    if (text !== this.text) return;
    this.node.classList.toggle("unreadable", points === null);
    if (points !== null) this.points = points;
    this.draw();
  }

  // Drawing

  draw() {
    this.node.inert = false;
    const values = this.points.map(([, value]) => value);
    this.fitRange(values);
    const { low, high } = this.range;
    this.y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const path = this.path();
    keepingFocus(this.plot, () => put(this.plot,
      [low, (low + high) / 2, high].map((value) => [
        svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: this.y(value), y2: this.y(value), class: "grid" }),
        svg("text", { x: LEFT - 9, y: this.y(value) + 4, class: "tick end" }, digits(Number(value.toPrecision(4))))]),
      this.ticks().map(([text, entry, place]) =>
        svg("text", { x: this.x(entry), y: HEIGHT - 4, class: `tick ${place}` }, text)),
      this.behind(),
      svg("path", { d: `${path}V${this.y(this.floor())}H${this.x(0)}Z`, class: "area" }),
      svg("path", { d: path, class: "line" }),
      this.handles()));
    this.drawTools();
  }

  x(entry) {
    return LEFT + (entry / this.end) * (WIDTH - LEFT - RIGHT);
  }

  /** The value down, or up, to which the area under the curve goes. */
  floor() {
    return this.range.low;
  }

  /** The range of values that is drawn: the setting's own where it is a share, else room above what there is. */
  fitRange(values) {
    if (this.dragged !== undefined) return;
    const { low, high } = this.setting;
    if (low !== null && high !== null && high - low <= 2) return (this.range = { low, high });
    const top = Math.max(...values), bottom = Math.min(...values, 0);
    const above = top > 0 ? round(top * 1.2, TOPS) : 0;
    const below = bottom < 0 ? -round(-bottom * 1.2, TOPS) : 0;
    this.range = { low: below, high: above === below ? below + 1 : above };
  }

  handle([entry, value], index) {
    return svg("circle", {
      cx: this.x(entry), cy: this.y(value), r: 6, class: "handle", tabindex: 0, role: "slider", "data-key": index,
      "aria-label": `${this.called} ${this.placeOf(entry)}`,
      "aria-orientation": "vertical", "aria-valuemin": this.range.low, "aria-valuemax": this.range.high,
      "aria-valuenow": value, "aria-valuetext": digits(value), onkeydown: (event) => this.key(event, index),
    });
  }

  drawTools() {
    put(this.tools,
      this.ways(),
      button("Add a point", () => this.add(this.widest())),
      button("One value", () => {
        this.points = [[0, this.points[0][1]]];
        this.tell();
      }, { disabled: this.points.length === 1 }),
      h("span", { class: "note" }, this.hint()));
  }

  // Changes

  tell() {
    this.text = this.write();
    this.node.classList.remove("unreadable");
    this.draw();
    this.changed(this.text);
  }

  quantum() {
    return this.integer ? 1 : round((this.range.high - this.range.low) / 200);
  }

  value(given) {
    const low = this.setting.low ?? -Infinity, high = this.setting.high ?? Infinity, step = this.quantum();
    return within(Number((Math.round(given / step) * step).toPrecision(9)), low, high);
  }

  move(index, entry, value) {
    const before = index === 0 ? 0 : this.points[index - 1][0] + 1;
    const after = this.points[index + 1] ? this.points[index + 1][0] - 1 : this.last();
    this.points[index] = [index === 0 && !this.firstMoves ? 0 : within(entry, before, after), this.value(value)];
    this.tell();
  }

  /** The last entry that a point may have. */
  last() {
    return this.end - 1;
  }

  add(entry) {
    const at = within(Math.round(entry / this.snap) * this.snap, this.firstMoves ? 0 : 1, this.last());
    if (this.points.some(([own]) => own === at)) return;
    const value = this.valueAt(at);
    this.points = [...this.points, [at, this.lines ? this.value(value) : this.value(value + this.nudge(value))]].sort((a, b) => a[0] - b[0]);
    this.tell();
    this.plot.querySelector(`[data-key="${this.points.findIndex(([own]) => own === at)}"]`)?.focus();
  }

  /** A new point of a curve of steps lies beside the old value, or it would not be seen. */
  nudge(value) {
    const part = Math.max(this.quantum(), (this.range.high - this.range.low) / 5);
    return value + part <= this.range.high ? part : -part;
  }

  remove(index) {
    if (this.points.length === 1 || (index === 0 && !this.firstMoves)) return;
    this.points = this.points.filter((_, place) => place !== index);
    this.tell();
    this.plot.querySelector(`[data-key="${Math.max(0, index - 1)}"]`)?.focus();
  }

  widest() {
    const ends = [...this.points.slice(1).map(([entry]) => entry), this.end];
    const gaps = this.points.map(([entry], index) => ends[index] - entry);
    const index = gaps.indexOf(Math.max(...gaps));
    return this.points[index][0] + gaps[index] / 2;
  }

  key(event, index) {
    const [entry, value] = this.points[index];
    const step = this.quantum() * (event.shiftKey ? 10 : 1), way = event.altKey ? 1 : this.snap * (event.shiftKey ? 10 : 1);
    const moves = {
      ArrowUp: () => this.move(index, entry, value + step),
      ArrowDown: () => this.move(index, entry, value - step),
      ArrowLeft: () => this.move(index, entry - way, value),
      ArrowRight: () => this.move(index, entry + way, value),
      Delete: () => this.remove(index),
      Backspace: () => this.remove(index),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  // Pointer

  place(event) {
    const box = this.plot.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
  }

  entryAt(event) {
    return ((this.place(event)[0] - LEFT) / (WIDTH - LEFT - RIGHT)) * this.end;
  }

  valueAtPointer(event) {
    const share = 1 - (this.place(event)[1] - TOP) / (HEIGHT - TOP - BOTTOM);
    return this.range.low + share * (this.range.high - this.range.low);
  }

  press(event) {
    const [px, py] = this.place(event);
    const far = this.points.map(([entry, value]) => Math.hypot(this.x(entry) - px, this.y(value) - py));
    const index = far.indexOf(Math.min(...far));
    if (far[index] > 14 || event.button !== 0) return;
    event.preventDefault();
    this.dragged = index;
    this.plot.querySelector(`[data-key="${index}"]`).focus();
    this.plot.setPointerCapture(event.pointerId);
    const drag = (moved) => this.move(index, Math.round(this.entryAt(moved) / this.snap) * this.snap, this.valueAtPointer(moved));
    const end = () => {
      this.plot.removeEventListener("pointermove", drag);
      this.dragged = undefined;
      this.draw(); // in the range that the values now need
    };
    this.plot.addEventListener("pointermove", drag);
    this.plot.addEventListener("lostpointercapture", end, { once: true });
  }
}
