// The page's head, its bar of choices, its filters, and what pointer and keys do.

const VIEWS = { pictures: ["Pictures", drawPictures], plot: ["Plot", drawPlot], heat: ["Heat map", drawHeat], curves: ["Curves", drawCurves], table: ["Table", drawTable] };

const PLURALS = new Set(["seed", "repeat", "prompt", "stage"]); // names of settings that are words

function drawHead() {
  const counts = new Map();
  cells.forEach((cell) => counts.set(cell.status, (counts.get(cell.status) ?? 0) + 1));
  const odd = [...counts].filter(([status]) => status !== "finished");
  const seconds = cells.reduce((sum, cell) => sum + (cell.seconds ?? 0), 0);
  const duration = seconds >= 5400 ? `${number(Number((seconds / 3600).toPrecision(2)))} h` : seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`;
  const pictures = tiles.filter((tile) => tile.file).length;
  put($("head"),
    h("h1", {}, data.name),
    data.description ? h("p", { class: "lead" }, data.description) : null,
    h("p", { class: "facts" },
      h("span", {}, plural(pictures, tiles.some((tile) => tile.film) ? "film" : "picture")),
      h("span", {}, axes.map(({ texts, label }) => (PLURALS.has(label) ? plural(texts.length, label) : `${texts.length} ${label}`)).join(" × ")),
      odd.map(([status, count]) => h("span", { class: `status ${status}` }, `${count} ${status}`)),
      seconds ? h("span", {}, `${duration} of rendering`) : null,
      data.refresh ? h("span", {}, "being rendered: this page renews itself") : null),
    h("details", { class: "about" },
      h("summary", {}, h("b", {}, "Held fixed"), " ", h("span", {}, data.facts.map(([name, value]) => `${name} ${value}`).join(" · "))),
      h("dl", { class: "held" }, data.facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      h("p", { class: "note" }, "Everything else that is not an axis is at its default; a picture's details list all settings."),
      data.command ? [h("h3", {}, "Rendered by"), command(data.command)] : null,
      data.notes.length ? [h("h3", {}, "Notes"), h("ul", { class: "notes" }, data.notes.map((note) => h("li", {}, note)))] : null,
      h("p", { class: "note" }, "Beside this page: ", h("a", { href: "./results.csv" }, "results.csv"), ", ", h("a", { href: "./grid.png" }, "grid.png"), `. Made by disco ${data.version}.`,
        " Keys: arrows move, Enter opens, Escape closes, + and − zoom; Shift and a click compare.")));
}

// The bar

function drawBar() {
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Views" }, Object.entries(VIEWS).map(([view, [text]]) =>
    h("button", { type: "button", role: "tab", id: `tab-${view}`, "aria-selected": String(state.view === view), "aria-controls": "view", tabindex: state.view === view ? 0 : -1,
      onclick: () => turnTo(view) }, text)));
  const count = shownTiles().length;
  const filtered = count < tiles.length;
  const open = !$("filters").hidden;
  const focused = document.activeElement?.id;
  put($("bar"), tabs, h("div", { class: "choices" }, ...choices()),
    h("button", { type: "button", class: filtered ? "filter on" : "filter", id: "filter", "aria-expanded": String(open), "aria-controls": "filters",
      onclick: () => { $("filters").hidden = open; drawFilters(); drawBar(); } }, filtered ? `Filter: ${count} of ${tiles.length}` : "Filter"));
  if (focused && $("bar").contains($(focused))) $(focused).focus(); // what was in use has been made anew
}

function turnTo(view) {
  change({ view });
  $("view").scrollTo(0, 0);
}

const change = (changes) => { Object.assign(state, changes); draw(); };

const choices = () => ({ pictures: pictureChoices, plot: plotChoices, heat: heatChoices, curves: curveChoices, table: () => [] })[state.view]();

function axisChoices() {
  if (!axes.length) return [];
  const set = (name, other) => (value) => {
    const axis = chosenAxis(value);
    change(axis !== null && axis === state[other] ? { [name]: axis, [other]: state[name] } : { [name]: axis });
  };
  return [
    chooser("Rows", axisOptions("–"), state.rows ?? "", set("rows", "columns"), { id: "rows" }),
    chooser("Columns", axisOptions("–"), state.columns ?? "", set("columns", "rows"), { id: "columns" }),
  ];
}

/** For every axis but those laid out: all its values, or one. The choice is a filter. */
function restChoices(laidOut = [state.rows, state.columns]) {
  return axes.map((axis, index) => {
    if (laidOut.includes(index)) return null;
    const left = axis.texts.map((_, place) => place).filter((place) => !state.hidden[index].has(place));
    const value = left.length === axis.texts.length ? "" : left.length === 1 ? left[0] : "some";
    const some = value === "some" ? [["some", `${left.length} of ${axis.texts.length}`]] : [];
    return chooser(axis.label, [["", "all"], ...some, ...axis.short.map((text, place) => [place, text])], value, (chosen) => {
      if (chosen === "some") return;
      state.hidden[index] = new Set(chosen === "" ? [] : axis.texts.map((_, place) => place).filter((place) => place !== Number(chosen)));
      refresh();
    }, { id: `rest-${index}` });
  });
}

function pictureChoices() {
  const stops = [...new Set(tiles.flatMap((tile) => tile.partials.map(([percent]) => percent)))].sort((a, b) => a - b);
  const size = h("input", { type: "range", id: "size", min: Math.log2(SIZES[0]), max: Math.log2(SIZES[1]), step: 0.05, oninput: () => zoom(2 ** size.value) });
  if (state.size) size.value = Math.log2(state.size);
  return [
    ...(state.order ? [] : [...axisChoices(), ...restChoices()]),
    data.metrics.length ? chooser("Order", [["", "by axes"], ...metricOptions().map(([key, text]) => [key, `by ${text}`])], state.order, (order) => change({ order, caption: order || state.caption }), { id: "order" }) : null,
    state.order ? h("button", { type: "button", id: "direction", onclick: () => change({ descending: !state.descending }) }, state.descending ? "Highest first" : "Lowest first") : null,
    data.metrics.length ? chooser("Below each", [["", "nothing"], ...metricOptions()], state.caption, (caption) => change({ caption }), { id: "below" }) : null,
    stops.length ? progressChoice([...stops, 100]) : null,
    h("label", { class: "field" }, h("span", {}, "Size"), size),
  ];
}

/** All pictures as they stood at one share of their runs. */
function progressChoice(stops) {
  const told = () => (state.percent >= 100 ? "the end" : `${state.percent} %`);
  const output = h("output", {}, told());
  const slider = h("input", { type: "range", id: "progress", min: 0, max: stops.length - 1, step: 1, "aria-valuetext": told(), oninput: () => {
    state.percent = stops[slider.value];
    output.textContent = told();
    slider.setAttribute("aria-valuetext", told());
    shownTiles().forEach(tileButton);
  } });
  slider.value = Math.max(0, stops.indexOf(state.percent));
  return h("label", { class: "field" }, h("span", {}, "Run at"), slider, output);
}

const metricChoice = () => (data.metrics.length ? chooser("Metric", metricOptions(), state.metric, (metric) => change({ metric }), { id: "metric" }) : null);

function plotChoices() {
  if (!axes.length) return [];
  const [x, series] = plotAxes();
  return [metricChoice(),
    chooser("Along", axisOptions(), x, (value) => change({ x: Number(value) }), { id: "along" }),
    chooser("Lines", axisOptions("one"), series ?? "", (value) => change({ series: value }), { id: "lines" }),
    chooser("Show", [["", "values"], ["change", "change from the first"]], state.change ? "change" : "", (value) => change({ change: value !== "" }), { id: "show" }),
    ...restChoices([x, series])];
}

const heatChoices = () => [metricChoice(), ...axisChoices(), ...restChoices()];

function curveChoices() {
  const names = curveNames(tiles);
  if (!names.length) return [];
  const [, series] = curveAxes();
  return [chooser("Curve", names.map((name) => [name, name]), state.curve, (curve) => change({ curve }), { id: "curve" }),
    axes.length ? chooser("Colours", axisOptions("one"), series ?? "", (value) => change({ series: value }), { id: "colours" }) : null];
}

// Filters

function drawFilters() {
  if ($("filters").hidden) return;
  const chips = (title, entries, hidden) => h("fieldset", {}, h("legend", {}, title), entries.map(([key, text]) =>
    h("label", { class: "chip" }, h("input", { type: "checkbox", checked: !hidden.has(key), onchange: (event) => {
      if (event.target.checked) hidden.delete(key);
      else hidden.add(key);
      refresh();
    } }), h("span", {}, text))));
  const statuses = [...new Set(tiles.map(statusOf))];
  put($("filters"), 
    ...axes.map((axis, index) => chips(axis.label, axis.short.map((text, place) => [place, text]), state.hidden[index])),
    statuses.length > 1 ? chips("status", statuses.map((status) => [status, status]), state.hiddenStatuses) : "",
    data.metrics.length ? h("fieldset", { class: "ranges" }, h("legend", {}, "measured"), data.metrics.map(rangeField)) : "",
    h("p", {}, h("button", { type: "button", onclick: () => {
      state.hidden.forEach((hidden) => hidden.clear());
      state.hiddenStatuses.clear();
      state.ranges = {};
      refresh();
      drawFilters();
    } }, "Show all")));
}

function rangeField(metric) {
  const range = metricRange(metric) ?? [0, 0];
  const field = (side) => {
    const input = h("input", { type: "number", step: "any", placeholder: String(Number(range[side].toPrecision(4))), "aria-label": `${metric}, ${["least", "most"][side]}`, value: state.ranges[metric]?.[side] ?? "", oninput: () => {
      const both = state.ranges[metric] ?? [null, null];
      both[side] = input.value === "" ? null : Number(input.value);
      if (both.every((end) => end === null)) delete state.ranges[metric];
      else state.ranges[metric] = both;
      refresh();
    } });
    return input;
  };
  return h("div", { class: "range" }, h("span", {}, metric), field(0), "to", field(1));
}

// Choosing

function select(tile) {
  const before = state.selected;
  state.selected = tile;
  for (const changed of [before, tile]) if (changed && buttons.has(changed)) tileButton(changed);
  hint(null);
  drawDetails();
  if (state.view !== "pictures") drawView(); // the room has changed, or the row that is marked
  if (tile && buttons.get(tile)?.isConnected) buttons.get(tile).scrollIntoView({ block: "nearest", inline: "nearest" });
  else if (!tile && before) buttons.get(before)?.focus();
  if (tile) say(`${nameOf(tile)}: ${statusOf(tile)}`);
}

function pick(on) {
  state.picking = on;
  document.body.classList.toggle("picking", on);
  say(on ? "Choose the picture to compare with; Escape gives up" : "");
  if (on && state.view !== "pictures" && state.view !== "table") turnTo("pictures");
}

function chosen(tile, event) {
  const other = state.selected;
  if (other && other !== tile && other.source && tile.source && (state.picking || event.shiftKey)) {
    pick(false);
    compare(other, tile);
  } else if (!state.picking) select(tile);
}

const tileAt = (event) => {
  const node = event.target.closest?.("[data-tile]");
  return node ? [tiles[node.dataset.tile], node] : [null, null];
};

function listen() {
  const view = $("view");
  view.addEventListener("click", (event) => {
    const [tile] = tileAt(event);
    if (tile) chosen(tile, event);
  });
  view.addEventListener("pointerover", (event) => event.pointerType !== "touch" && hint(...tileAt(event)));
  view.addEventListener("pointerleave", () => hint(null));
  view.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && hint(...tileAt(event)));
  view.addEventListener("focusout", () => hint(null));
  view.addEventListener("scroll", () => hint(null));
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || state.view !== "pictures") return; // a pinch on a touchpad comes as ctrl and the wheel
    event.preventDefault();
    zoom(state.size * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  document.addEventListener("keydown", pressed);
  window.addEventListener("resize", () => { if (state.view !== "pictures") draw(); });
  dark.addEventListener("change", () => draw());
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function pressed(event) {
  if ($("compare").open || event.altKey || event.metaKey || event.ctrlKey) return;
  const { target } = event;
  if (event.key === "Escape") {
    hint(null);
    if (state.picking) return pick(false);
    return state.selected ? select(null) : undefined;
  }
  if (target.matches("input, select, textarea, summary")) return;
  if (target.matches("[role=tab]") && event.key in ARROWS) return nextTab(ARROWS[event.key][0]);
  if (state.view === "pictures" && ["+", "=", "-"].includes(event.key)) return zoom(state.size * (event.key === "-" ? 1 / 1.2 : 1.2));
  if (event.key in ARROWS && ["pictures", "table"].includes(state.view)) {
    const focused = target.closest("[data-tile]");
    const from = focused ? tiles[focused.dataset.tile] : state.selected;
    const to = from ? neighbour(from, ARROWS[event.key]) : shownTiles()[0];
    if (!to) return;
    event.preventDefault();
    buttons.get(to).focus();
    if (state.selected && !state.picking) select(to);
  }
}

function nextTab(step) {
  const names = Object.keys(VIEWS);
  const view = names[(names.indexOf(state.view) + step + names.length) % names.length];
  turnTo(view);
  $(`tab-${view}`).focus();
}

// Drawing

/** After a change of the filters: everything but the filters themselves, which someone may be typing into. */
function refresh() {
  drawBar();
  drawView();
}

function drawView() {
  const view = $("view");
  view.className = "";
  view.setAttribute("aria-labelledby", `tab-${state.view}`);
  hint(null);
  VIEWS[state.view][1](view);
}

function draw() {
  drawBar();
  drawFilters();
  drawView();
  if (state.view === "pictures") zoom(state.size);
}

// While the study is rendered

/** Load the page again, which the command has written again meanwhile; not under the hands of someone who looks. */
function keepUp() {
  setTimeout(() => {
    if (state.selected || state.picking || $("compare").open || !$("filters").hidden) return keepUp();
    const { view, rows, columns, size, caption, order, descending } = state;
    history.replaceState({ view, rows, columns, size, caption, order, descending }, "");
    location.reload();
  }, 1000 * data.refresh);
}

drawHead();
listen();
if (!curveNames(tiles).includes(state.curve)) state.curve = curveNames(tiles)[0] ?? state.curve; // films have no losses
Object.assign(state, history.state); // as it was before the page was loaded again
draw();
if (data.refresh) keepUp();
if (tiles.length === 1) select(tiles[0]);
document.documentElement.dataset.ready = "true";
