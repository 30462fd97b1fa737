// The pages of settings as the documentation has them: the little of Markdown that they use, as nodes.

import { h } from "./dom.js";
import { form } from "./form.js";
import { hashOf } from "./routes.js";

const INLINE = /`([^`]+)`|\[((?:[^\]`]|`[^`]*`)+)\]\(([^)]*)\)/g;

/** The text of Markdown without its signs. */
export const bare = (text) => text.replace(INLINE, (_, code, words) => code ?? bare(words));

/** A line: code, and links to settings, which lead to their fields; to read on elsewhere there is no page here. */
function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, code, words, target] = found;
    nodes.push(text.slice(end, found.index), code !== undefined ? h("code", {}, code) : linked(words, target));
    end = found.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}

function linked(words, target) {
  const [, name] = /^(\w+)\.md$/.exec(target) ?? [];
  return form.settings[name] ? h("a", { href: hashOf("render", "", { setting: name }) }, inline(words)) : inline(words);
}

/** Paragraphs, lists and tables. */
export function prose(text) {
  return text.split(/\n\s*\n/).filter((block) => block.trim()).flatMap(block);
}

function block(text) {
  const lines = text.trim().split("\n");
  const list = lines.findIndex((line) => line.startsWith("- "));
  if (lines[0].startsWith("|")) return table(lines);
  if (list < 0) return h("p", {}, inline(lines.join(" ")));
  const items = lines.slice(list).join(" ").split(/(?:^|\s)- /).slice(1);
  return [list ? h("p", {}, inline(lines.slice(0, list).join(" "))) : null, h("ul", {}, items.map((item) => h("li", {}, inline(item))))];
}

function table([head, , ...rows]) {
  const cells = (line) => line.replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  return h("div", { class: "scrolled", tabindex: 0, role: "region", "aria-label": "A table" }, h("table", {},
    h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", {}, cell)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, cells(row).map((cell) => h("td", {}, cell)))))));
}

export const facts = (pairs) => h("dl", {}, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
