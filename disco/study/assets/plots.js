// Metrics as plots and heat maps, loss curves, and the table of everything.

const metricOptions = () => data.metrics.map((metric) => [metric, metric]);
const axisOptions = (none) => [...(none ? [["", none]] : []), ...axes.map((axis, index) => [index, axis.label])];
const chosenAxis = (value) => (value === "" ? null : Number(value));
const roomFor = (view) => Math.max(280, Math.min(1180, view.clientWidth - 48));

/** What the numbers of a view are that lays out some of the axes. */
function intervalText(laidOut, numbers, bars) {
  if (data.repeats === null) return "There are no repeats, so there are no intervals: render more seeds.";
  if (laidOut.includes(data.repeats)) return `The ${plural(2, axisLabel(data.repeats)).slice(2)} are told apart here, so there are no intervals.`;
  const others = axes.length - 1 > laidOut.filter((axis) => axis !== null).length;
  return `${numbers} are means over ${plural(axes[data.repeats].texts.length, axisLabel(data.repeats))}, ${bars} 95 % t-intervals.` +
    (others ? " The axes not shown are averaged within each, so that n counts what is independent." : "");
}

const interval = (entry) => (entry.low === null ? "no interval" : `${number(entry.low)} to ${number(entry.high)}`);

function drawPlot(view) {
  if (!data.metrics.length) return nothing(view, "Nothing has been measured yet: disco report measures what is missing.");
  if (!axes.length) return nothing(view, "One picture makes no plot.");
  const [x, series] = plotAxes();
  const among = shownTiles();
  const places = placesOf(x, among);
  const change = state.change && places.length > 1;
  const entries = change ? changes(state.metric, [x, series], among, places[0]) : summaries(state.metric, [x, series], among);
  const scale = scaleOf(x, places);
  const lines = placesOf(series, among).map((place, index) => ({
    colour: colourOf(series, place ?? 0),
    marker: index,
    apart: !axes[x].numbers, // between names there is no way
    points: entries.filter((entry) => entry.at[1] === place).sort((a, b) => a.at[0] - b.at[0]).map((entry) => ({
      x: scale.at(entry.at[0]), y: entry.mean, low: entry.low, high: entry.high,
      title: `${axisLabel(x)} ${axes[x].short[entry.at[0]]}${place === null ? "" : `, ${axisLabel(series)} ${axes[series].short[place]}`}: ` +
        `${number(entry.mean, state.metric)} (${interval(entry)}, n = ${entry.n})`,
    })),
  }));
  const text = `${state.metric} by ${axisLabel(x)}${series === null ? "" : `, a line for each ${axisLabel(series)}`}; the numbers are in the table below`;
  put(view, h("section", { class: "figure" },
    h("h2", {}, change ? `Change of ${state.metric} from ${axisLabel(x)} ${axes[x].short[places[0]]}` : `${state.metric} by ${axisLabel(x)}`),
    series === null ? null : h("p", { class: "by" }, axisLabel(series)),
    series === null ? null : legend(placesOf(series, among).map((place) => [axes[series].short[place], colourOf(series, place)])),
    chart(lines, { width: roomFor(view), height: Math.min(520, Math.max(260, view.clientHeight - 220)), ticks: scale.ticks, xLabel: axisLabel(x) + (scale.kind === "log" ? " (logarithmic)" : ""), text }),
    h("p", { class: "note" }, intervalText([x, series], "Points", "bars"), change ? ` Each ${data.repeats === null ? "picture" : axisLabel(data.repeats)} is compared with itself.` : ""),
    numbersOf(entries, [x, series])));
}

/** The axes of the plot: as chosen, else the longest axis against the next. */
function plotAxes() {
  const others = axes.map((_, axis) => axis).filter((axis) => axis !== data.repeats);
  const candidates = others.length ? others : [data.repeats];
  const x = state.x ?? state.columns ?? candidates[0];
  const along = candidates.includes(x) || state.x !== null ? x : candidates[0];
  const series = state.series === null ? candidates.find((axis) => axis !== along) ?? null : chosenAxis(state.series);
  return [along, series === along ? null : series];
}

function numbersOf(entries, by) {
  const used = by.filter((axis) => axis !== null);
  const inOrder = [...entries].sort((a, b) => b.at.length && (a.at[1] - b.at[1] || a.at[0] - b.at[0]));
  return h("details", { class: "numbers" }, h("summary", {}, "The numbers"), h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, [...used.map(axisLabel), `mean ${state.metric}`, "low", "high", "n"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, inOrder.map((entry) => h("tr", {},
      by.map((axis, i) => (axis === null ? null : h("td", {}, axes[axis].short[entry.at[i]]))),
      [entry.mean, entry.low, entry.high, entry.n].map((value) => h("td", { class: "number", "data-value": value ?? "" }, number(value, state.metric))))))));
}

const nothing = (view, text) => put(view, h("p", { class: "empty" }, text));

// Heat map

function drawHeat(view) {
  if (!data.metrics.length) return nothing(view, "Nothing has been measured yet: disco report measures what is missing.");
  const { rows, columns } = state;
  if (rows === null || columns === null) return nothing(view, "A heat map takes two axes: choose rows and columns.");
  const among = shownTiles();
  const entries = summaries(state.metric, [rows, columns], among);
  const by = new Map(entries.map((entry) => [entry.at.join(), entry]));
  const range = rangeOf(entries.map((entry) => entry.mean));
  const across = placesOf(columns, among);
  const cell = (entry) => {
    if (!entry) return h("td", { class: "none" }, "–");
    const colour = mixed(HEAT, range[1] > range[0] ? (entry.mean - range[0]) / (range[1] - range[0]) : 0.5);
    const light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140;
    return h("td", { "data-value": entry.mean, style: { "background-color": rgb(colour), color: light ? "#1b1b1f" : "#fff" } },
      number(entry.mean, state.metric), entry.low === null ? null : h("small", {}, `± ${number(Number((entry.high - entry.mean).toPrecision(2)), state.metric)}`));
  };
  put(view, h("section", { class: "figure" },
    h("h2", {}, `${state.metric} by ${axisLabel(rows)} and ${axisLabel(columns)}`),
    h("table", { class: "heat" },
      h("thead", {}, h("tr", { class: "axis" }, h("td", {}), h("td", { colspan: across.length }, axisLabel(columns))),
        h("tr", {}, h("td", { class: "corner" }, axisLabel(rows)), across.map((place) => h("th", { scope: "col" }, axes[columns].short[place])))),
      h("tbody", {}, placesOf(rows, among).map((row) => h("tr", {}, h("th", { scope: "row" }, axes[rows].short[row]), across.map((column) => cell(by.get(`${row},${column}`))))))),
    range ? h("p", { class: "scale" }, number(range[0], state.metric), h("i", { style: { background: `linear-gradient(to right, ${HEAT.join(", ")})` } }), number(range[1], state.metric)) : null,
    h("p", { class: "note" }, intervalText([rows, columns], "Numbers", "± half of their"))));
}

// Curves of the losses

const curveNames = (among) => [...new Set(among.flatMap((tile) => Object.keys(tile.curves)))].filter((name) => name !== "percent" && name !== "frame");

/** What curves go along: the percent of a run, or the frames of a film. */
const alongOf = (tile) => ("frame" in tile.curves ? "frame" : "percent");
const alongName = (among) => (among.every((tile) => alongOf(tile) === "frame") ? "frame" : "percent of the run");
const wholeName = (among) => (among.every((tile) => alongOf(tile) === "frame") ? "film" : "run");

/** A tile's curve as points, those without a value left out. */
const curvePoints = (tile, name) =>
  (tile.curves[name] ?? []).map((y, i) => ({ x: tile.curves[alongOf(tile)][i], y, low: null })).filter((point) => point.y !== null);

function drawCurves(view) {
  const among = shownTiles().filter((tile) => curvePoints(tile, state.curve).length);
  if (!among.length) return nothing(view, "No steps have been recorded.");
  const [, series] = curveAxes();
  const colour = (place) => colourOf(series, place ?? 0);
  const placeOf = (tile) => (series === null ? null : tile.at[series]);
  const lines = among.map((tile) => ({
    colour: colour(placeOf(tile)),
    points: curvePoints(tile, state.curve),
    faint: among.length > 4,
    title: nameOf(tile),
    onclick: () => select(tile),
  }));
  if (among.length > 4) {
    for (const place of placesOf(series, among)) {
      const points = meanCurve(among.filter((tile) => placeOf(tile) === place).map((tile) => curvePoints(tile, state.curve)));
      if (points) lines.push({ colour: colour(place), points, strong: true });
    }
  }
  put(view, h("section", { class: "figure" },
    h("h2", {}, `${state.curve} over the ${wholeName(among)}`),
    series === null ? null : h("p", { class: "by" }, axisLabel(series)),
    series === null ? null : legend(placesOf(series, among).map((place) => [axes[series].short[place], colourOf(series, place)])),
    chart(lines, { width: roomFor(view), height: Math.min(460, Math.max(260, view.clientHeight - 180)), xLabel: alongName(among), text: `${state.curve} of ${plural(among.length, wholeName(among))}, by ${alongName(among)}` }),
    h("p", { class: "note" }, "A thin line is a picture; click it for its settings. Thick ones are means.")));
}

/** The mean of several curves with the same places; null where their places differ, or there is one. */
function meanCurve(curves) {
  const [first, ...others] = curves;
  const alike = others.every((curve) => curve.length === first.length && curve.every((point, i) => point.x === first[i].x));
  return others.length && alike ? first.map(({ x }, i) => ({ x, y: mean(curves.map((curve) => curve[i].y)), low: null })) : null;
}

function curveAxes() {
  const [x, series] = axes.length ? plotAxes() : [null, null];
  return [x, state.series === "" ? null : state.series === null ? series ?? x : chosenAxis(state.series)];
}

// Table

function tableColumns() {
  const texts = [...new Set(tiles.flatMap((tile) => Object.keys(tile.metrics)))].filter((name) => !data.metrics.includes(name));
  const numbers = (axis) => axes[axis].numbers !== null;
  return [
    ...axes.map((axis, i) => ({ name: axis.label, key: (tile) => tile.at[i], text: (tile) => axis.short[tile.at[i]], number: numbers(i) })),
    ...(axes.some((axis) => axis.label === "seed") ? [] : [{ name: "seed", key: (tile) => Number(tile.seed ?? -1), text: (tile) => number(tile.seed), number: true }]),
    { name: "status", key: statusOf, text: statusOf },
    ...data.metrics.map((name) => ({ name, key: (tile) => tile.metrics[name], text: (tile) => number(tile.metrics[name], name), number: true })),
    ...texts.map((name) => ({ name, key: (tile) => tile.metrics[name], text: (tile) => String(tile.metrics[name] ?? "–") })),
  ];
}

function drawTable(view) {
  const columns = tableColumns();
  const among = shownTiles();
  const { column, descending } = state.sort;
  if (column >= 0) among.sort((a, b) => inOrder(columns[column].key(a), columns[column].key(b), descending));
  const heading = ({ name, number: right }, index) =>
    h("th", { scope: "col", class: right ? "number" : null, "aria-sort": index !== column ? null : descending ? "descending" : "ascending" },
      h("button", { type: "button", onclick: () => {
        state.sort = { column: index, descending: index === column && !descending };
        draw();
        $("view").querySelectorAll("thead button")[index].focus();
      } }, name));
  put(view, h("table", { class: "plain rows" },
    h("thead", {}, h("tr", {}, h("td", {}), columns.map(heading))),
    h("tbody", {}, among.map((tile) => h("tr", { class: tile === state.selected ? "chosen" : null },
      h("td", {}, tileButton(tile)), columns.map((entry) => h("td", { class: entry.number ? "number" : null }, entry.text(tile))))))));
}

/** Those without a value come last either way. */
function inOrder(a, b, descending) {
  const [noA, noB] = [a, b].map((value) => value === undefined || value === null);
  if (noA || noB) return noA - noB;
  return (a < b ? -1 : a > b ? 1 : 0) * (descending ? -1 : 1);
}
