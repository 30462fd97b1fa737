// Keyframes of a film as a curve over its frames: the camera, and other settings by frame.

import { post } from "./api.js";
import { Curve } from "./curve.js";
import { button, chooser, svg } from "./dom.js";
import { set, textOf } from "./form.js";
import { digits, round, valueAt } from "./schedule.js";

const SPLINES = [["linear", "Lines"], ["quadratic", "Quadratic"], ["cubic", "Cubic"], ["steps", "Steps"]];
const KEYS = 9; // that are made of an expression

const framesNow = () => Math.max(1, Math.floor(Number(textOf("max_frames"))) || 1);

/** The value of a camera's setting with which it stands still. */
const stillOf = ({ name, keyframes }) => (!keyframes ? null : name === "zoom" ? 1 : 0);

/** Keys as they are typed; one alone is a number. unit: "%", or "". */
const keysText = (points, unit) =>
  (points.length === 1 ? digits(points[0][1]) + unit : points.map(([frame, value]) => `${frame}:(${digits(value)}${unit})`).join(", "));

export class FrameCurve extends Curve {
  constructor(setting, changed) {
    super(setting, changed);
    this.still = stillOf(setting);
    this.snap = 1;
    this.firstMoves = true;
    this.sampled = [];
    this.moves = false;
    this.unit = "";
  }

  over() {
    return "over the frames";
  }

  ticks() {
    const middle = Math.round(this.end / 2);
    return [["frame 0", 0, "start"], this.end > 3 ? [String(middle), middle, "middle"] : null, [String(this.end), this.end, "end"]].filter(Boolean);
  }

  placeOf(frame) {
    return `at frame ${frame}`;
  }

  hint() {
    return this.moves ? "An expression in t, the number of the frame, draws this" : super.hint();
  }

  // Text

  /** What a curve is drawn from, beside its text: it is drawn anew when that changes. */
  stampOf(text) {
    return [text, textOf("max_frames"), textOf("interp_spline")].join("\n");
  }

  show(text) {
    const stamp = this.stampOf(text);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    this.take(text);
  }

  async read(text) {
    const said = { setting: this.setting.name, value: text, frames: framesNow(), spline: textOf("interp_spline") };
    const { keys, points, moves, unit } = await post("/api/keyframes", said);
    this.moves = moves;
    this.unit = unit;
    this.sampled = points;
    this.sampledOf = text;
    this.lines = said.spline !== "steps";
    return keys.length ? keys : [points[0]];
  }

  write() {
    return keysText(this.points, this.unit);
  }

  tell() {
    if (this.points.length === 1) this.points = [[0, this.points[0][1]]]; // a number, which is none of a frame
    if (["linear", "steps"].includes(textOf("interp_spline"))) this.stamp = this.stampOf(this.write()); // no need to ask how it goes
    this.moves = false;
    super.tell();
  }

  ways() {
    return chooser("Between all keys", SPLINES, textOf("interp_spline"), (way) => set("interp_spline", way));
  }

  drawTools() {
    super.drawTools();
    if (!this.moves) return;
    const [way, , , note] = this.tools.children;
    this.tools.replaceChildren(way, button("Make keys of it", () => this.makeKeys()), note);
  }

  /** Some of the values that an expression has, as keys to go on from. */
  makeKeys() {
    const count = Math.min(KEYS, this.sampled.length), last = this.sampled.length - 1;
    const chosen = Array.from({ length: count }, (_, index) => this.sampled[Math.round((index * last) / Math.max(1, count - 1))]);
    this.points = chosen.map(([frame, value]) => [frame, Number(value.toPrecision(5))]);
    this.tell();
  }

  // Drawing

  fitRange(values) {
    if (this.dragged !== undefined) return;
    this.end = Math.max(1, framesNow() - 1, this.moves ? 0 : this.points.at(-1)[0]);
    const all = [...values, ...(this.sampledOf === this.text ? this.sampled.map(([, value]) => value) : [])];
    if (this.still === null) return super.fitRange(all);
    const low = Math.min(...all, this.still), high = Math.max(...all, this.still);
    const span = Math.max(high - low, this.still ? 0.1 : 4), step = round(span / 4);
    this.range = { low: Math.floor((low - span / 5) / step) * step, high: Math.ceil((high + span / 5) / step) * step };
  }

  floor() {
    return this.still ?? super.floor();
  }

  behind() {
    const last = framesNow() - 1, box = (y) => ({ y: Math.min(...y), height: Math.abs(y[1] - y[0]) });
    const { y, height } = box([this.y(this.range.low), this.y(this.range.high)]);
    return [
      this.still === null ? null : svg("line", { x1: this.x(0), x2: this.x(this.end), y1: this.y(this.still), y2: this.y(this.still), class: "still" }),
      last < this.end ? svg("rect", { x: this.x(last), width: this.x(this.end) - this.x(last), y, height, class: "beyond" }) : null,
    ].filter(Boolean);
  }

  path() {
    const drawn = this.moves || (!["linear", "steps"].includes(textOf("interp_spline")) && this.sampledOf === this.text);
    if (drawn) return `${this.sampled.map(([frame, value], index) => `${index ? "L" : "M"}${this.x(frame)} ${this.y(value)}`).join("")}H${this.x(this.end)}`;
    const [[, first]] = this.points;
    return `M${this.x(0)} ${this.y(first)}${this.points.map(([frame, value]) =>
      (this.lines ? `L${this.x(frame)} ${this.y(value)}` : `H${this.x(frame)}V${this.y(value)}`)).join("").replace(/^L([\d.]+) [\d.]+/, "H$1")}H${this.x(this.end)}`;
  }

  handles() {
    return this.moves ? [] : super.handles();
  }

  last() {
    return this.end;
  }

  valueAt(frame) {
    return frame <= this.points[0][0] ? this.points[0][1] : valueAt(this.points, this.lines, frame);
  }
}
