// One picture: how it came about, all its settings, and the command that renders it again.

function drawDetails() {
  const panel = $("details");
  const tile = state.selected;
  panel.hidden = !tile;
  document.body.classList.toggle("with-details", Boolean(tile));
  if (!tile) return panel.replaceChildren();
  const { run } = tile;
  const status = statusOf(tile);
  put(panel, 
    h("div", { class: "title" },
      h("h2", {}, tile.at.length ? tile.at.map((place, axis) => h("span", {}, h("small", {}, axisLabel(axis)), " ", axes[axis].short[place])) : nameOf(tile)),
      h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => select(null) }, "×")),
    status === "finished" ? null : h("p", { class: `status ${status}` }, h("b", {}, status), " ", reasonOf(tile)),
    tile.source ? film(tile) : null,
    h("p", { class: "actions" },
      tile.source ? h("button", { type: "button", onclick: () => pick(true) }, "Compare with …") : null,
      tile.file ? h("a", { href: tile.file, target: "_blank", rel: "noopener" }, tile.film ? "A sheet of frames" : tile.exact ? "The file" : "The full picture") : null),
    run.notes.length ? h("ul", { class: "notes" }, run.notes.map((note) => h("li", {}, note))) : null,
    run.replay || run.again ? h("section", { class: "replay" }, h("h3", {}, run.again ? "Render it again" : "Render it"),
      run.replay ? command(run.replay) : null,
      run.again ? [run.replay ? h("p", { class: "note" }, "Or from its record, in the folder of this page:") : null, command(run.again)] : null) : null,
    metricsOf(tile),
    lossesOf(tile),
    settingsOf(tile),
    run.files.length ? h("section", {}, h("h3", {}, "Files"), h("p", { class: "files" }, run.files.map(([name, link]) => [h("a", { href: link, target: "_blank", rel: "noopener" }, name), " "]))) : null);
}

/** The picture and, where there are partials, the slider through them; of a film, the film. */
function film(tile) {
  if (tile.film) return h("figure", { class: "film" }, playing(tile));
  const [width, height] = tile.size;
  const image = h("img", { class: tile.exact ? "pixelated" : "", alt: nameOf(tile), src: tile.source, style: { "aspect-ratio": `${width} / ${height}` } });
  const stops = [...tile.partials, [100, tile.source]];
  const figure = h("figure", { class: "film" }, image);
  if (stops.length === 1) return figure;
  const told = h("output", {}, "the end");
  const show = (index) => {
    const [percent, source] = stops[index];
    image.src = source;
    told.textContent = percent === 100 ? "the end" : `after ${percent} %`;
    slider.setAttribute("aria-valuetext", told.textContent);
  };
  const slider = h("input", { type: "range", min: 0, max: stops.length - 1, step: 1, "aria-label": "How far into the run", oninput: () => show(Number(slider.value)) });
  slider.value = stops.length - 1;
  figure.append(h("figcaption", {}, slider, told));
  return figure;
}

/** The film, which lies beside the page. */
function playing(tile) {
  const [width, height] = tile.frame_size;
  const small = width * height <= 128 * 128; // its pixels are shown as they are
  return h("video", { src: tile.film, class: small ? "pixelated" : "", controls: true, loop: true, muted: true, playsinline: true, preload: "auto", "aria-label": nameOf(tile),
    style: { "aspect-ratio": `${width} / ${height}` } });
}

function metricsOf(tile) {
  const names = Object.keys(tile.metrics);
  if (!names.length) return null;
  const row = (name) => {
    const value = tile.metrics[name];
    const range = typeof value === "number" ? metricRange(name) : null;
    const share = range && range[1] > range[0] ? (value - range[0]) / (range[1] - range[0]) : null;
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, number(value, name)),
      h("td", {}, share === null ? null : h("span", { class: "place", title: `of ${number(range[0], name)} to ${number(range[1], name)} in this study` }, h("i", { style: { "--share": `${100 * share}%` } }))));
  };
  return h("section", {}, h("h3", {}, "Measured"), h("table", { class: "plain measured" }, h("tbody", {}, names.map(row))));
}

function lossesOf(tile) {
  const names = curveNames([tile]);
  if (!names.length) return null;
  const holder = h("div");
  const show = (name) => {
    state.curve = name;
    const width = Math.max(240, ($("details").clientWidth || 400) - 42);
    put(holder, chart([{ colour: colourOf(null), points: curvePoints(tile, name) }],
      { width, height: 170, xLabel: alongName([tile]), text: `${name} over the ${wholeName([tile])} of ${nameOf(tile)}` }));
  };
  show(names.includes(state.curve) ? state.curve : names[0]);
  return h("section", { class: "losses" }, h("h3", {}, `Over the ${wholeName([tile])}`), chooser("curve", names.map((name) => [name, name]), state.curve, show), holder);
}

function settingsOf(tile) {
  const own = Object.entries(tile.run.settings);
  const all = [...own, ...Object.entries(data.common)].sort(([a], [b]) => a.localeCompare(b));
  if (!all.length) return null;
  const table = (entries) => h("table", { class: "plain settings" }, h("tbody", {}, entries.map(([name, value]) => h("tr", {}, h("th", { scope: "row", title: name }, shortLabel(name)), h("td", {}, value)))));
  const holder = h("div", {}, table(all));
  const search = h("input", { type: "search", placeholder: "find a setting", "aria-label": "Find a setting", oninput: () => {
    const wanted = search.value.toLowerCase();
    put(holder, table(all.filter(([name, value]) => `${name} ${value}`.toLowerCase().includes(wanted))));
  } });
  return h("section", {},
    own.length ? [h("h3", {}, "What differs in the study"), table(own)] : null,
    h("details", { class: "all" }, h("summary", {}, `All ${all.length} settings`), search, holder));
}

// The hint that follows the pointer or the focus

function hint(tile, near) {
  const box = $("hint");
  if (!tile) return (box.hidden = true);
  const other = state.selected && state.selected !== tile ? state.selected : null;
  const line = (name, value, differs) => h("div", { class: differs ? "differs" : null }, h("dt", {}, name), h("dd", {}, value));
  const swept = new Set(axes.map((axis) => axis.setting));
  const status = statusOf(tile);
  put(box, 
    h("dl", {},
      tile.at.map((place, axis) => line(axisLabel(axis), axes[axis].short[place], other && other.at[axis] !== place)),
      Object.entries(tile.run.settings).filter(([name]) => !swept.has(name)).slice(0, 8).map(([name, value]) => line(shortLabel(name), value, other && other.run.settings[name] !== value)),
      status === "finished" ? null : line("status", `${status}${reasonOf(tile) ? `: ${reasonOf(tile)}` : ""}`),
      data.metrics.slice(0, 8).filter((name) => name in tile.metrics).map((name) => line(name, number(tile.metrics[name], name)))),
    other ? h("p", {}, "Bold: what differs from the chosen picture.") : null);
  box.hidden = false;
  const at = near.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const left = at.right + 10 + width < innerWidth ? at.right + 10 : at.left - 10 - width;
  box.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  box.style.top = `${Math.max(8, Math.min(at.top, innerHeight - height - 8))}px`;
}
