// Lines with intervals, and colours.

const dark = window.matchMedia("(prefers-color-scheme: dark)");

const PALETTES = {
  light: ["#2f6fdb", "#d9480f", "#2b8a3e", "#9c36b5", "#8f6b00", "#0b7285", "#c2255c", "#5c5f66"],
  dark: ["#74a7ff", "#ff9a62", "#69db7c", "#e599f7", "#ffd43b", "#66d9e8", "#faa2c1", "#c1c2c5"],
};
const RAMPS = {
  light: ["#27409e", "#7a3fa6", "#bf4a86", "#dd7440", "#c99a1e"],
  dark: ["#7f9cff", "#b884f0", "#f083b0", "#ffab6b", "#ffe27a"],
};
const HEAT = ["#2b1b6b", "#54309a", "#8d3f9c", "#c4527f", "#ec7a5c", "#f9b265", "#fbe6a3"];

const theme = () => (dark.matches ? "dark" : "light");

function mixed(ramp, share) {
  const place = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const low = Math.min(Math.floor(place), ramp.length - 2);
  const [a, b] = [ramp[low], ramp[low + 1]].map((text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)));
  return a.map((value, i) => Math.round(value + (b[i] - value) * (place - low)));
}
const rgb = (parts) => `rgb(${parts.join(" ")})`;

/** A colour for the value at `place` of an axis: along a ramp where values have an order, else one of a palette. */
function colourOf(axis, place) {
  if (axis === null) return PALETTES[theme()][0];
  const count = axes[axis].texts.length;
  const ordered = axes[axis].numbers && axis !== data.repeats && count > 2;
  return ordered ? rgb(mixed(RAMPS[theme()], place / (count - 1))) : PALETTES[theme()][place % PALETTES.light.length];
}

/** Round numbers within [low, high]. */
function niceTicks(low, high, most) {
  const rough = (high - low) / Math.max(1, most) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** How an axis is laid out: by its numbers, by their logarithms, or evenly. Returns value of a place, and ticks. */
function scaleOf(axis, places) {
  const { numbers, short } = axes[axis];
  const ticks = (at) => places.map((place, i) => ({ at: at(place, i), text: short[place] }));
  const own = numbers && places.map((place) => numbers[place]);
  if (!own || new Set(own).size < 2) return { kind: "even", at: (place) => places.indexOf(place), ticks: ticks((_, i) => i) };
  const [low, high] = rangeOf(own);
  const log = low > 0 && high / low >= 20;
  const at = (place) => (log ? Math.log10(numbers[place]) : numbers[place]);
  return { kind: log ? "log" : "linear", at, ticks: ticks(at) };
}

const MARKERS = [
  (x, y) => svg("circle", { cx: x, cy: y, r: 4 }),
  (x, y) => svg("rect", { x: x - 3.6, y: y - 3.6, width: 7.2, height: 7.2 }),
  (x, y) => svg("path", { d: `M${x} ${y - 5}l5 5l-5 5l-5 -5z` }),
  (x, y) => svg("path", { d: `M${x} ${y - 5}l5 8.6h-10z` }),
];

/**
 * A chart as an <svg>. lines: [{colour, marker, points: [{x, y, low, high, title}], apart, faint, strong, onclick, title}].
 * options: width, height, ticks ([{at, text}], else round numbers), xLabel, yLabel, text (what it says, in words).
 */
function chart(lines, options) {
  const { width, height, xLabel, yLabel } = options;
  const points = lines.flatMap((line) => line.points);
  if (!points.length) return h("p", { class: "empty" }, "Nothing to draw.");
  const padded = ([low, high], share) => (low === high ? [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1] : [low - (high - low) * share, high + (high - low) * share]);
  const [x0, x1] = padded(rangeOf(points.map((point) => point.x)), options.ticks ? 0.06 : 0);
  const [y0, y1] = padded(rangeOf(points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y])), 0.06);
  const yTicks = niceTicks(y0, y1, Math.max(2, Math.floor(height / 52)));
  const left = 18 + 7 * Math.max(...yTicks.map((tick) => number(tick).length));
  const [top, right, bottom] = [12, 14, xLabel ? 42 : 24];
  const X = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right);
  const Y = (y) => top + (1 - (y - y0) / (y1 - y0)) * (height - top - bottom);

  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.text, class: "chart" });
  for (const tick of yTicks) {
    drawing.append(svg("line", { class: "rule", x1: left, x2: width - right, y1: Y(tick), y2: Y(tick) }),
      svg("text", { x: left - 8, y: Y(tick) + 4, "text-anchor": "end" }, number(tick)));
  }
  let free = -Infinity;
  for (const tick of options.ticks ?? niceTicks(x0, x1, width / 80).map((at) => ({ at, text: number(at) }))) {
    const room = 3.4 * tick.text.length + 6;
    drawing.append(svg("line", { class: "rule short", x1: X(tick.at), x2: X(tick.at), y1: height - bottom, y2: height - bottom + 4 }));
    if (X(tick.at) - room < free) continue;
    free = X(tick.at) + room;
    const shown = tick.text.length > 18 ? `${tick.text.slice(0, 17)}…` : tick.text;
    drawing.append(svg("text", { x: X(tick.at), y: height - bottom + 18, "text-anchor": "middle" }, shown));
  }
  if (xLabel) drawing.append(svg("text", { class: "name", x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, xLabel));
  if (yLabel) drawing.append(svg("text", { class: "name", x: left, y: 10 }, yLabel));
  lines.forEach((line, at) => drawing.append(lineOf(line, (at - (lines.length - 1) / 2) * (options.ticks ? Math.min(8, 32 / lines.length) : 0), X, Y)));
  return drawing;
}

/** One line of a chart; aside: how many pixels it stands beside its place, so that intervals do not hide each other. */
function lineOf(line, aside, X, Y) {
  const at = (point) => [X(point.x) + aside, Y(point.y)];
  const path = line.points.map((point, i) => `${i ? "L" : "M"}${at(point).map((value) => value.toFixed(1)).join(" ")}`).join("");
  const group = svg("g", { class: `line${line.faint ? " faint" : ""}${line.strong ? " strong" : ""}`, style: { "--colour": line.colour }, onclick: line.onclick });
  if (!line.apart) group.append(svg("path", { class: "stroke", d: path }, line.title ? svg("title", {}, line.title) : null));
  if (line.marker === undefined) return group;
  for (const point of line.points) {
    const [x, y] = at(point);
    if (point.low !== null) {
      const [low, high] = [Y(point.low), Y(point.high)];
      group.append(svg("path", { class: "bar", d: `M${x} ${low}V${high}M${x - 4} ${low}h8M${x - 4} ${high}h8` }));
    }
    const marker = MARKERS[line.marker % MARKERS.length](x, y);
    marker.classList.add("marker");
    marker.append(svg("title", {}, point.title));
    group.append(marker);
  }
  return group;
}

const legend = (entries) =>
  h("ul", { class: "legend" }, entries.map(([text, colour]) => h("li", {}, h("i", { style: { "--colour": colour } }), text)));
