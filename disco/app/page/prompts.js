// The prompts: a text and its weight a row, as disco takes them.

import { h, button, iconButton, keepingFocus, put } from "./dom.js";
import { form, setPrompts, setStages, splitWeight } from "./form.js";

export class Prompts {
  constructor() {
    this.rows = h("div", { class: "prompt-rows" });
    this.error = h("p", { class: "error", role: "alert", id: "prompt-error" });
    this.node = h("section", { class: "prompts", "data-setting": "prompt", "aria-label": "Prompts" }, this.rows, this.error);
    this.refresh();
  }

  refresh() {
    const error = form.errors.prompt ?? form.errors.prompts ?? "";
    if (this.error.textContent !== error) this.error.textContent = error;
    this.node.classList.toggle("wrong", Boolean(error));
    const drawn = JSON.stringify([form.prompts, form.stages]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    keepingFocus(this.rows, () => put(this.rows, form.stages === null ? this.texts() : this.staged()));
  }

  texts() {
    const several = form.prompts.length > 1;
    return [
      form.prompts.map((prompt, index) => this.row(prompt, index, several)),
      h("div", { class: "prompt-tools" }, button("Add a prompt", () => this.change([...form.prompts, { text: "", weight: "1" }], form.prompts.length), { class: "quiet", "data-key": "add" }),
        several ? h("span", { class: "note" }, "A weight below 0 pushes away") : null),
    ];
  }

  row(prompt, index, several) {
    const text = h("textarea", {
      rows: 1, value: prompt.text, spellcheck: "true", dir: "auto", "data-key": `text-${index}`, "aria-label": several ? `Prompt ${index + 1}` : "Prompt",
      "aria-describedby": "prompt-error", placeholder: index ? "and, with its weight …" : "What do you want to see?",
      oninput: () => {
        grow(text);
        this.keep(index, { text: text.value.replaceAll("\n", " ") });
      },
      onblur: () => setTimeout(() => { // once the next field has the focus, which is kept
        const typed = form.prompts[index], split = splitWeight(typed?.text ?? "");
        if (typed && split.text !== typed.text) this.change(form.prompts.map((one, place) => (place === index ? split : one)));
      }),
    });
    requestAnimationFrame(() => grow(text));
    const weight = h("input", {
      type: "text", inputmode: "decimal", class: "weight", value: prompt.weight, "data-key": `weight-${index}`, "aria-label": `Weight of prompt ${index + 1}`,
      title: "Weight", oninput: () => this.keep(index, { weight: weight.value }),
    });
    return h("div", { class: "prompt-row" }, text, several || prompt.weight !== "1" ? weight : null,
      several ? iconButton("close", `Remove prompt ${index + 1}`, () => this.change(form.prompts.filter((_, place) => place !== index), Math.max(0, index - 1))) : null);
  }

  staged() {
    const text = h("textarea", { rows: 3, value: form.stages, spellcheck: "false", "aria-label": "Prompts by share of the run", "data-key": "stages", oninput: () => {
      form.stages = text.value;
      this.drawn = JSON.stringify([form.prompts, form.stages]);
      setStages(text.value);
    } });
    return [text, h("div", { class: "prompt-tools" }, h("span", { class: "note" }, "Prompts by the share of the run from which they hold"), button("One prompt instead", () => setStages(null), { class: "quiet" }))];
  }

  /** Keep what is typed without drawing the rows anew under the cursor. */
  keep(index, change) {
    const prompts = form.prompts.map((one, place) => (place === index ? { ...one, ...change } : one));
    this.drawn = JSON.stringify([prompts, form.stages]);
    setPrompts(prompts);
  }

  change(prompts, focused) {
    setPrompts(prompts);
    if (focused !== undefined) this.node.querySelectorAll("textarea")[focused]?.focus();
  }
}

function grow(text) {
  text.style.height = "auto";
  if (text.scrollHeight) text.style.height = `${text.scrollHeight + 2}px`;
}
