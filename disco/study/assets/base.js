"use strict";
// The study's data, what is shown of it at present, and the few helpers that everything stands on.
// Text from the study becomes text nodes and attributes, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const { axes, cells, tiles } = data;
tiles.forEach((tile, index) => {
  tile.index = index;
  tile.run = cells[tile.cell];
  tile.metrics ??= {};
  tile.partials ??= [];
  tile.curves ??= {};
});

const $ = (id) => document.getElementById(id);

const state = {
  view: "pictures",
  rows: data.rows,
  columns: data.columns,
  size: 0, // of a picture's longest side on the screen; 0 until it is fitted to the window
  percent: 100, // how far into their runs the pictures are shown
  caption: data.order,
  order: data.order,
  descending: data.descending,
  hidden: axes.map(() => new Set()), // values filtered out, by axis
  hiddenStatuses: new Set(),
  ranges: {}, // metric -> [low, high], null where open
  selected: null, // a tile
  picking: false, // whether the next click chooses the picture to compare with
  metric: data.metrics[0] ?? "",
  x: null,
  series: null,
  change: false, // whether a plot shows the change from its first value
  curve: "loss",
  sort: { column: -1, descending: false },
};

// Nodes

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, entry] of Object.entries(value)) node.style.setProperty(key, entry);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Children in place of those that a node has. */
function put(node, ...children) {
  node.replaceChildren();
  return fill(node, null, children);
}

const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
const svg = (tag, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

/** A labelled <select>; options: [value, text] pairs. */
function chooser(text, options, value, onchange, properties) {
  const select = h("select", { "aria-label": text, onchange: () => onchange(select.value), ...properties },
    options.map(([key, name]) => h("option", { value: key, selected: String(key) === String(value) }, name)));
  return h("label", { class: "field" }, h("span", {}, text), select);
}

function copyButton(text) {
  const button = h("button", { type: "button", class: "copy", onclick: async () => {
    await copied(text);
    button.textContent = "Copied";
    say("Copied");
    setTimeout(() => (button.textContent = "Copy"), 1500);
  } }, "Copy");
  return button;
}

async function copied(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      return await navigator.clipboard.writeText(text);
    } catch { /* not allowed here: the old way below is */ }
  }
  const area = h("textarea", { class: "unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

const command = (text) => h("div", { class: "command" }, h("code", {}, text), copyButton(text));

/** Tell those who listen instead of looking. */
const say = (text) => ($("said").textContent = text);

// Words

function number(value, name = "") {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (name === "memory") return value >= 2 ** 30 ? `${(value / 2 ** 30).toPrecision(3)} GiB` : `${Math.round(value / 2 ** 20)} MiB`;
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
}

const axisLabel = (axis) => axes[axis].label;
const shortLabel = (setting) => setting.slice(setting.lastIndexOf(".") + 1);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Where a tile is: "clamp_max 0.1, seed 2". */
function nameOf(tile) {
  const own = tile.at.map((place, axis) => `${axisLabel(axis)} ${axes[axis].short[place]}`);
  return own.length ? own.join(", ") : tile.seed === undefined || tile.seed === null ? data.name : `seed ${tile.seed}`;
}

const statusOf = (tile) => (tile.problem ? "damaged" : tile.run.status);

const reasons = {
  missing: "not rendered yet",
  running: "still running, or ended by force",
  interrupted: "interrupted before it left a picture",
};
const reasonOf = (tile) => tile.problem ?? tile.run.error ?? reasons[tile.run.status] ?? "";

/** The address of a tile's picture after a percent of its run. */
function sourceAt(tile, percent) {
  const reached = percent >= 100 ? [] : tile.partials.filter(([at]) => at <= percent);
  if (percent >= 100 || !tile.partials.length) return tile.source;
  return (reached.at(-1) ?? tile.partials[0])[1];
}

// What is shown

const within = (value, [low, high]) =>
  value !== undefined && (low === null || value >= low) && (high === null || value <= high);

const isShown = (tile) =>
  tile.at.every((place, axis) => !state.hidden[axis].has(place)) &&
  !state.hiddenStatuses.has(statusOf(tile)) &&
  Object.entries(state.ranges).every(([metric, range]) => within(tile.metrics[metric], range));

const shownTiles = () => tiles.filter(isShown);

/** The values of an axis that any of the tiles has, by index and in order; [null] for no axis. */
function placesOf(axis, among) {
  if (axis === null) return [null];
  return [...new Set(among.map((tile) => tile.at[axis]))].sort((a, b) => a - b);
}
