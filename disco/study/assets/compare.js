// Two pictures beside each other, over each other, and their difference.

function compare(a, b) {
  const dialog = $("compare");
  const holder = h("div", { class: "canvas" });
  const modes = { sides: ["Side by side", sides], swipe: ["Swipe", swipe], difference: ["Difference", difference] };
  const show = (mode) => put(holder, modes[mode][1](a, b));
  put(dialog, 
    h("div", { class: "title" }, h("h2", {}, "Compare"),
      h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
    h("div", { class: "tabs", role: "radiogroup", "aria-label": "How" }, Object.entries(modes).map(([mode, [text]], index) =>
      h("label", {}, h("input", { type: "radio", name: "mode", value: mode, checked: index === 0, onchange: () => show(mode) }), h("span", {}, text)))),
    holder,
    h("p", { class: "note", id: "distance" }, "Measuring …"),
    h("div", { class: "tables" }, settingsBeside(a, b), metricsBeside(a, b)),
    curvesBeside(a, b));
  show("sides");
  if (!dialog.open) dialog.showModal();
  measured(a, b).then((found) => ($("distance").textContent = inWords(found, a, b)));
}

const picture = (tile, letter) => {
  const [width, height] = tile.size;
  return h("img", { src: tile.source, alt: `${letter}: ${nameOf(tile)}`, class: tile.exact ? "pixelated" : "", style: { "aspect-ratio": `${width} / ${height}` } });
};

const sides = (a, b) => h("div", { class: "sides" }, [[a, "A"], [b, "B"]].map(([tile, letter]) =>
  h("figure", {}, picture(tile, letter), h("figcaption", {}, h("b", {}, letter), ` ${nameOf(tile)}`))));

function swipe(a, b) {
  const over = picture(b, "B");
  const stack = h("div", { class: "stack", style: { "--at": "50%" } }, picture(a, "A"), over, h("i"));
  const slider = h("input", { type: "range", min: 0, max: 100, "aria-label": "Where A ends and B begins", oninput: () => stack.style.setProperty("--at", `${slider.value}%`) });
  slider.value = 50;
  stack.addEventListener("pointermove", (event) => {
    const box = stack.getBoundingClientRect();
    slider.value = (100 * (event.clientX - box.left)) / box.width;
    slider.dispatchEvent(new Event("input"));
  });
  return [stack, h("p", { class: "ends" }, h("span", {}, `A ${nameOf(a)}`), slider, h("span", {}, `B ${nameOf(b)}`))];
}

function difference(a, b) {
  const canvas = h("canvas", { class: "pixelated", role: "img", "aria-label": "Absolute difference of A and B" });
  const slider = h("input", { type: "range", min: 1, max: 16, step: 1, oninput: () => paint() });
  slider.value = 4;
  const told = h("output");
  const paint = async () => {
    const [one, two, width, height] = await both(a, b);
    canvas.width = width;
    canvas.height = height;
    const out = new ImageData(width, height);
    for (let i = 0; i < one.length; i++) out.data[i] = i % 4 === 3 ? 255 : Math.abs(one[i] - two[i]) * slider.value;
    canvas.getContext("2d").putImageData(out, 0, 0);
    told.textContent = `× ${slider.value}`;
  };
  paint();
  return [canvas, h("label", { class: "ends" }, "Made brighter", slider, told)];
}

/** Both pictures' pixels (RGBA), B brought to the size of A. */
async function both(a, b) {
  const images = await Promise.all([a, b].map(async (tile) => {
    const image = new Image();
    image.src = tile.source;
    await image.decode();
    return image;
  }));
  const [width, height] = [images[0].naturalWidth, images[0].naturalHeight];
  const pixels = images.map((image) => {
    const canvas = h("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  });
  return [...pixels, width, height];
}

/** The numbers of disco/study/compare.py, by the same formulas. */
async function measured(a, b) {
  const [one, two, width, height] = await both(a, b);
  let [sum, squares, changed] = [0, 0, 0];
  for (let i = 0; i < one.length; i += 4) {
    let differs = false;
    for (let k = 0; k < 3; k++) {
      const distance = Math.abs(one[i + k] - two[i + k]);
      sum += distance;
      squares += distance * distance;
      differs ||= distance > 0;
    }
    changed += differs;
  }
  const pixels = width * height;
  return { absolute: sum / pixels / 3, rms: Math.sqrt(squares / pixels / 3), changed: changed / pixels, perceptual: perceptual(one, two, width, height) };
}

const WINDOW = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2)));

/** (1 - mean structural similarity) / 2, as disco.metrics.distance has it (Wang et al. 2004); null for tiny pictures. */
function perceptual(one, two, width, height) {
  if (Math.min(width, height) < 16) return null;
  const [c1, c2] = [0.01 ** 2, 0.03 ** 2];
  let [total, count] = [0, 0];
  for (let channel = 0; channel < 3; channel++) {
    const [x, y] = [one, two].map((pixels) => Float64Array.from({ length: width * height }, (_, i) => pixels[4 * i + channel] / 255));
    const products = [x, y, x.map((v) => v * v), y.map((v) => v * v), x.map((v, i) => v * y[i])];
    const [mx, my, xx, yy, xy] = products.map((values) => blurred(values, width, height));
    for (let i = 0; i < mx.length; i++, count++) {
      const product = mx[i] * my[i];
      const squares = mx[i] ** 2 + my[i] ** 2;
      total += ((2 * product + c1) * (2 * (xy[i] - product) + c2)) / ((squares + c1) * (xx[i] + yy[i] - squares + c2));
    }
  }
  return Math.max(0, (1 - total / count) / 2);
}

/** The mean under a Gaussian of 11 x 11 pixels, where it lies within the picture. */
function blurred(values, width, height) {
  const sum = mean(WINDOW) * WINDOW.length;
  const [wide, high] = [width - 10, height - 10];
  const across = new Float64Array(wide * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < wide; x++) {
    let value = 0;
    for (let i = 0; i < 11; i++) value += WINDOW[i] * values[y * width + x + i];
    across[y * wide + x] = value / sum;
  }
  const found = new Float64Array(wide * high);
  for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) {
    let value = 0;
    for (let i = 0; i < 11; i++) value += WINDOW[i] * across[(y + i) * wide + x];
    found[y * wide + x] = value / sum;
  }
  return found;
}

function inWords({ absolute, rms, changed, perceptual }, a, b) {
  if (changed === 0) return a.exact && b.exact ? "The pictures are the same, pixel by pixel." : "The previews are the same; disco diff compares the files.";
  const previews = a.exact && b.exact ? "" : " Measured on the previews; disco diff measures the files.";
  const looks = perceptual === null ? "" : `; perceptual distance ${number(perceptual)} (0 = the same, 0.5 = nothing in common)`;
  return `Mean difference ${number(absolute)} of 255 (RMS ${number(rms)}); ${number(100 * changed)} % of the pixels differ${looks}.${previews}`;
}

// What is written below the pictures

const beside = (title, heads, rows) =>
  rows.length ? h("section", {}, h("h3", {}, title), h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map(([name, ...values]) => h("tr", {}, h("th", { scope: "row" }, name), values.map((value) => h("td", {}, value))))))) : null;

function settingsBeside(a, b) {
  const names = [...new Set([a, b].flatMap((tile) => Object.keys(tile.run.settings)))];
  const differing = names.filter((name) => a.run.settings[name] !== b.run.settings[name]);
  const rows = differing.map((name) => [shortLabel(name), ...[a, b].map((tile) => tile.run.settings[name] ?? "–")]);
  if (a.seed !== b.seed && !differing.includes("seed")) rows.push(["seed", number(a.seed), number(b.seed)]);
  return beside("Settings that differ", ["", "A", "B"], rows) ?? h("section", {}, h("h3", {}, "Settings that differ"), h("p", {}, "None."));
}

function metricsBeside(a, b) {
  const names = [...new Set([a, b].flatMap((tile) => Object.keys(tile.metrics)))];
  const step = (name) => {
    const [one, two] = [a, b].map((tile) => tile.metrics[name]);
    return typeof one === "number" && typeof two === "number" ? `${two >= one ? "+" : "−"}${number(Math.abs(two - one), name)}` : "";
  };
  const whole = (text) => h("span", { class: "whole" }, text); // a number is not to be broken
  const told = (tile, name) => (typeof tile.metrics[name] === "number" ? whole(number(tile.metrics[name], name)) : number(tile.metrics[name], name));
  return beside("Measured", ["", "A", "B", "B − A"], names.map((name) => [name, told(a, name), told(b, name), whole(step(name))]));
}

function curvesBeside(a, b) {
  const names = curveNames([a, b]);
  if (!names.length) return null;
  const name = names.includes(state.curve) ? state.curve : names[0];
  const colours = PALETTES[theme()];
  const lines = [a, b].map((tile, i) => ({ colour: colours[i], points: curvePoints(tile, name) }));
  const width = Math.max(260, Math.min(860, innerWidth - 96));
  return h("section", {}, h("h3", {}, `${name} over the run`), legend([["A", colours[0]], ["B", colours[1]]]),
    chart(lines, { width, height: 200, xLabel: "percent of the run", text: `${name} of both runs` }));
}
