// Nodes, and what every part of the page does with them. Text becomes text nodes and attributes, never markup.

export const $ = (id) => document.getElementById(id);

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, entry] of Object.entries(value)) node.style.setProperty(key, entry);
    else if (["value", "checked", "disabled", "hidden", "muted"].includes(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An element: properties are attributes, `on...` listeners, and style as an object. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
export const svg = (tag, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

/** Children in place of those that a node has. */
export function put(node, ...children) {
  node.replaceChildren();
  return fill(node, null, children);
}

/** Keep the focus where it was, by data-key, when a part of the page is drawn anew. */
export function keepingFocus(node, draw) {
  const key = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  draw();
  if (key !== undefined) node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

export const button = (text, onclick, properties) => h("button", { type: "button", onclick, ...properties }, text);

/** A line icon of a 24 x 24 path; decoration only, whatever holds it has a label. */
export const icon = (path) =>
  svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: path }));

export const icons = {
  again: "M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5",
  close: "M6 6l12 12M18 6L6 18",
  curve: "M3 18h5V8h6v6h7",
  dice: "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01",
  down: "M6 9l6 6 6-6",
  file: "M12 16V4M7 9l5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  go: "M8 5l11 7-11 7z",
  plus: "M12 5v14M5 12h14",
  reset: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  stop: "M7 7h10v10H7z",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  up: "M6 15l6-6 6 6",
};

export const iconButton = (name, label, onclick, properties) =>
  h("button", { type: "button", class: "bare", "aria-label": label, title: label, onclick, ...properties }, icon(icons[name]));

/** A labelled <select>; options: [value, text] pairs. */
export function chooser(text, options, value, onchange) {
  const select = h("select", { onchange: () => onchange(select.value) },
    options.map(([key, name]) => h("option", { value: key, selected: String(key) === String(value) }, name)));
  return h("label", { class: "inline" }, h("span", {}, text), select);
}

/** One of a few, as radio buttons that look like a switch. */
export function segments(label, name, options, value, onchange) {
  return h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, label),
    options.map(([key, text]) => h("label", {},
      h("input", { type: "radio", name, value: key, checked: key === value, onchange: () => onchange(key) }), h("span", {}, text))));
}

export function copyButton(text) {
  const node = button("Copy", async () => {
    await copied(text);
    node.textContent = "Copied";
    say("Copied");
    setTimeout(() => (node.textContent = "Copy"), 1500);
  }, { class: "copy" });
  return node;
}

async function copied(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      return await navigator.clipboard.writeText(text);
    } catch { /* not allowed here: the old way below is */ }
  }
  const area = h("textarea", { class: "unseen", value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export const commandLine = (text) => h("div", { class: "command" }, h("code", { tabindex: 0, "aria-label": "Command line" }, text), copyButton(text));

/** Tell those who listen instead of looking. */
export const say = (text) => ($("said").textContent = text);

/** A line at the edge of the page that goes by itself, unless it reports an error or offers something to do. */
export function toast(text, { bad = false, actions = [], details = [] } = {}) {
  const close = () => node.remove();
  const node = h("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status" },
    h("div", { class: "toast-text" }, h("p", {}, text), details.map((line) => h("p", { class: "note" }, line))),
    actions.map(([name, act]) => button(name, () => { close(); act(); })),
    iconButton("close", "Dismiss", close));
  $("toasts").append(node);
  if (!bad && !actions.length && !details.length) setTimeout(close, 5000);
  return node;
}

/** Call after a pause in calls. */
export function debounced(wait, call) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), wait);
  };
}

const SMALL = 192; // pixels of the longer side up to which each is shown as it is

/** Of the addresses of films, the one that browsers play. */
export const playable = (films) => films.find((url) => /\.(mp4|webm)\?/.test(url)) ?? films[0];

/** A film that plays by itself, but for those who want less motion. */
export function movie(src) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const video = h("video", { src, controls: true, loop: true, muted: true, autoplay: !still, playsinline: true, "aria-label": "The film" });
  video.addEventListener("loadedmetadata", () => video.classList.toggle("pixelated", Math.max(video.videoWidth, video.videoHeight) <= SMALL));
  return video;
}

/** A picture as large as its place allows; small ones without blur. */
export function picture(src, alt, size, properties) {
  const image = h("img", { src, alt, decoding: "async", draggable: "false", ...(size && { width: size[0], height: size[1] }), ...properties });
  const sharpen = () => image.classList.toggle("pixelated", image.naturalWidth > 0 && Math.max(image.naturalWidth, image.naturalHeight) <= SMALL);
  image.addEventListener("load", sharpen);
  return image;
}
