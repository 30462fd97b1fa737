// The pictures by rows and columns (further axes in sub-grids), or ranked by a metric.

const buttons = new Map(); // a tile's button is made once, so that its picture is decoded once

function tileButton(tile) {
  if (!buttons.has(tile)) buttons.set(tile, makeButton(tile));
  const button = buttons.get(tile);
  const status = statusOf(tile);
  const measured = state.caption ? `, ${state.caption} ${number(tile.metrics[state.caption], state.caption)}` : "";
  button.setAttribute("aria-label", `${nameOf(tile)}${status === "finished" ? "" : `, ${status}`}${measured}`);
  button.setAttribute("aria-pressed", String(state.selected === tile));
  const image = button.querySelector("img");
  if (image) {
    const source = sourceAt(tile, state.percent);
    if (image.src !== source) image.src = source;
  }
  button.querySelector(".caption")?.remove();
  if (state.caption && tile.source) button.append(captionOf(tile));
  return button;
}

function makeButton(tile) {
  const status = statusOf(tile);
  const button = h("button", { type: "button", class: `tile ${status}`, "data-tile": tile.index });
  if (tile.source) {
    const [width, height] = tile.size;
    button.append(h("img", { alt: "", decoding: "async", draggable: "false", style: { "aspect-ratio": `${width} / ${height}` } }));
    if (status !== "finished") button.append(h("span", { class: "mark" }, status));
  } else {
    button.append(h("span", { class: "hole" }, h("b", {}, status), h("small", {}, reasonOf(tile))));
  }
  return button;
}

function captionOf(tile) {
  const value = tile.metrics[state.caption];
  const range = metricRange(state.caption);
  const share = range && range[1] > range[0] ? (value - range[0]) / (range[1] - range[0]) : 0;
  return h("span", { class: "caption" }, number(value, state.caption), h("i", { style: { "--share": `${100 * share}%` } }));
}

function drawPictures(view) {
  const among = shownTiles();
  const first = tiles.find((tile) => tile.size)?.size ?? [1, 1];
  view.style.setProperty("--wide", Math.min(1, first[0] / first[1]));
  view.style.setProperty("--high", Math.min(1, first[1] / first[0]));
  if (!among.length) put(view, h("p", { class: "empty" }, "No picture passes the filters."));
  else put(view, state.order ? ranked(among) : inLines() ? lines(among) : blocks(among));
  if (!state.size) state.size = fittingSize(among);
  zoom(state.size);
}

function ranked(among) {
  const known = among.filter((tile) => typeof tile.metrics[state.order] === "number");
  const sign = state.descending ? -1 : 1;
  known.sort((a, b) => sign * (a.metrics[state.order] - b.metrics[state.order]));
  return h("ol", { class: "ranked" }, known.map((tile) =>
    h("li", {}, tileButton(tile), h("p", {}, h("b", {}, number(tile.metrics[state.order], state.order)), ` ${nameOf(tile)}`))));
}

/** Whether the one axis that there is stands in lines: as long as nobody gives it another place. */
const inLines = () => data.lines && state.rows === data.rows && state.columns === data.columns;

function lines(among) {
  const inOrder = [...among].sort((a, b) => a.at[0] - b.at[0]);
  return h("ol", { class: "ranked lines" }, inOrder.map((tile) => h("li", {}, h("p", {}, nameOf(tile)), tileButton(tile))));
}

/** The axes that are neither rows nor columns nor repeats: they make the sub-grids. */
const restAxes = () =>
  axes.map((_, axis) => axis).filter((axis) => ![state.rows, state.columns, data.repeats].includes(axis));

function blocks(among) {
  const rest = restAxes();
  const groups = new Map();
  for (const tile of among) {
    const key = rest.map((axis) => tile.at[axis]).join();
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(tile);
  }
  const inOrder = [...groups.values()].sort((a, b) => compareAt(a[0], b[0], rest));
  return h("div", { class: "blocks" }, inOrder.map((own) => block(own, among, rest)));
}

function compareAt(a, b, by) {
  const axis = by.find((candidate) => a.at[candidate] !== b.at[candidate]);
  return axis === undefined ? 0 : a.at[axis] - b.at[axis];
}

function block(own, among, rest) {
  const { rows, columns } = state;
  const title = rest.filter((axis) => axes[axis].texts.length > 1).map((axis) => `${axisLabel(axis)} = ${axes[axis].short[own[0].at[axis]]}`).join(", ");
  const across = placesOf(columns, among);
  const down = placesOf(rows, among);
  const by = new Map();
  for (const tile of own) {
    const key = `${rows === null ? "" : tile.at[rows]}/${columns === null ? "" : tile.at[columns]}`;
    if (!by.has(key)) by.set(key, []);
    by.get(key).push(tile);
  }
  const repeats = repeatsWithin(among);
  const heading = (axis, place, scope) => h("th", { scope, title: axis === null ? null : axes[axis].texts[place] }, axis === null ? "" : axes[axis].short[place]);
  const table = h("table", { class: "pictures" });
  if (title) table.append(h("caption", {}, title));
  if (columns !== null) {
    table.append(h("thead", {},
      h("tr", { class: "axis" }, rows === null ? null : h("td", {}), h("td", { colspan: across.length }, axisLabel(columns))),
      h("tr", {}, rows === null ? null : h("td", { class: "corner" }, axisLabel(rows)), across.map((place) => heading(columns, place, "col")))));
  } else if (rows !== null) {
    table.append(h("thead", {}, h("tr", {}, h("td", { class: "corner" }, axisLabel(rows)), h("td", {}))));
  }
  if (repeats.length > 1) {
    const { short, texts } = axes[data.repeats];
    const names = () => h("td", {}, h("div", { class: "repeats" }, repeats.map((place) => h("span", { title: texts[place] }, short[place]))));
    if (!table.tHead) table.append(h("thead"));
    table.tHead.append(h("tr", { class: "of-repeats" }, rows === null ? null : h("td", { class: "name" }, axisLabel(data.repeats)), across.map(names)));
  }
  table.append(h("tbody", {}, down.map((row) =>
    h("tr", {}, rows === null ? null : heading(rows, row, "row"), across.map((column) => {
      const here = by.get(`${row ?? ""}/${column ?? ""}`) ?? [];
      if (data.repeats !== null) here.sort((a, b) => a.at[data.repeats] - b.at[data.repeats]);
      const shown = h("div", { class: "repeats" }, here.map(tileButton));
      // Whatever the filters leave, a seed stays below its name.
      here.forEach((tile) => (buttons.get(tile).style.gridColumn = repeats.length ? repeats.indexOf(tile.at[data.repeats]) + 1 : ""));
      return h("td", {}, shown);
    })))));
  return table;
}

/** The repeats (seeds) that stand side by side within a cell; none where they are the rows or columns. */
const repeatsWithin = (among) =>
  data.repeats === null || [state.rows, state.columns].includes(data.repeats) ? [] : placesOf(data.repeats, among);

// Zoom

const SIZES = [28, 640];

/** The largest size at which all blocks fit the window, however many of them stand side by side, within reason. */
function fittingSize(among) {
  const view = $("view");
  if (state.order || inLines()) {
    const area = (view.clientWidth - 48) * Math.max(500, view.clientHeight);
    return Math.max(72, Math.min(192, Math.floor(Math.sqrt(area / among.length)) - 32));
  }
  const repeats = Math.max(1, repeatsWithin(among).length);
  const [across, down] = [placesOf(state.columns, among).length, placesOf(state.rows, among).length];
  const count = restAxes().reduce((product, axis) => product * placesOf(axis, among).length, 1);
  const [wide, high] = ["--wide", "--high"].map((name) => Number(view.style.getPropertyValue(name)));
  const sizes = Array.from({ length: Math.min(count, 6) }, (_, i) => i + 1).map((beside) => {
    const width = (view.clientWidth - 24) / beside - (state.rows === null ? 24 : 120) - 11 * across;
    const height = Math.max(500, view.clientHeight) / Math.ceil(count / beside) - 110 - 8 * down;
    return Math.min((width / (repeats * across) - 3) / wide, height / down / high);
  });
  return Math.max(72, Math.min(tiles.length === 1 ? 400 : 192, Math.floor(Math.max(...sizes))));
}

function zoom(size) {
  state.size = Math.max(SIZES[0], Math.min(SIZES[1], Math.round(size)));
  $("view").style.setProperty("--size", `${state.size}px`);
  const side = Math.max(...(tiles.find((tile) => tile.size)?.size ?? [512, 512]));
  const exact = tiles.some((tile) => tile.exact);
  $("view").classList.toggle("pixelated", exact && state.size > side);
  const slider = $("size");
  if (slider) slider.value = Math.log2(state.size);
}

/** The neighbour of a tile on the screen: the nearest in the direction, those in line before those aside. */
function neighbour(tile, [dx, dy]) {
  const from = buttons.get(tile)?.getBoundingClientRect();
  if (!from) return null;
  let best = null;
  let least = Infinity;
  for (const node of $("view").querySelectorAll("[data-tile]")) {
    const to = node.getBoundingClientRect();
    const along = dx * (to.left - from.left) + dy * (to.top - from.top);
    const aside = Math.abs(dy * (to.left - from.left)) + Math.abs(dx * (to.top - from.top));
    const distance = along + 3 * aside;
    if (along > 2 && aside < along + 4 && distance < least) [best, least] = [node, distance];
  }
  return best && tiles[best.dataset.tile];
}
