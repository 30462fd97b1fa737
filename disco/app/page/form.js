// What is asked for: the schema, and what differs from its defaults. Values are kept as the text that was typed.

import { emit, get } from "./api.js";
import { read, write } from "./flow.js";

const KEPT = "disco.form"; // in this tab, so that two tabs do not write into each other's form
const WEIGHT = /^([\s\S]*\S)\s*:\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*$/;
const WORDS = new Set(["text", "path", "choice"]);

export const form = {
  schema: null,
  settings: {}, // of the schema, by name
  preset: null,
  texts: {}, // what was typed, by name; only what differs from the default
  prompts: [{ text: "", weight: "1" }],
  stages: null, // prompts that change over the run, as text
  errors: {}, // lines of the outlook, by setting
  outlook: null,
};

export async function loadSchema(preset = form.preset) {
  form.schema = await get(`/api/schema${preset ? `?preset=${encodeURIComponent(preset)}` : ""}`);
  form.preset = preset || null;
  form.settings = Object.fromEntries(form.schema.groups.flatMap((group) => group.settings.map((one) => [one.name, one])));
  for (const [name, text] of Object.entries(form.texts)) setText(name, text);
}

// Text and value

/** The value that a text stands for. */
export function valueOf(name, text) {
  const setting = form.settings[name];
  if (!setting) return text;
  if (setting.kind === "choice") return setting.choices?.find((choice) => String(choice) === text) ?? text;
  if (WORDS.has(setting.kind)) return text === "" && setting.default === null ? null : text;
  if (text.trim() === "" && setting.default !== null) return "";
  return read(text);
}

export const defaultText = (name) => write(form.settings[name]?.default);
export const textOf = (name) => form.texts[name] ?? defaultText(name);
export const isChanged = (name) => Object.hasOwn(form.texts, name);
export const currentValue = (name) => valueOf(name, textOf(name));
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function setText(name, text) {
  if (form.settings[name] && same(valueOf(name, text), form.settings[name].default)) delete form.texts[name];
  else form.texts[name] = text;
}

// Changes

function told(name) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ preset: form.preset, texts: form.texts, prompts: form.prompts, stages: form.stages }));
  } catch { /* nothing is kept where the browser keeps nothing */ }
  emit("form", name);
}

export function set(name, text) {
  setText(name, text);
  told(name);
}

export function reset(name) {
  delete form.texts[name];
  told(name);
}

export function setPrompts(prompts) {
  form.prompts = prompts;
  told("prompt");
}

export function setStages(text) {
  form.stages = text;
  told("prompt");
}

export async function setPreset(preset) {
  await loadSchema(preset);
  told(null);
}

/** Take settings as a record, a file or a run has them; those not named go back to their defaults unless kept. */
export async function take(settings, { preset = form.preset, keep = false } = {}) {
  if ((preset || null) !== form.preset) await loadSchema(preset);
  if (!keep) form.texts = {};
  const { prompt, prompts, ...others } = settings;
  for (const [name, value] of Object.entries(others)) setText(name, write(value));
  if (prompts !== undefined || prompt !== undefined || !keep) takePrompts(prompts ?? (prompt ? [prompt] : []));
  told(null);
}

function takePrompts(prompts) {
  const list = typeof prompts === "string" ? [prompts] : prompts;
  const plain = Array.isArray(list) && list.every((one) => typeof one === "string");
  form.stages = plain ? null : write(prompts);
  form.prompts = plain && list.length ? list.map(splitWeight) : [{ text: "", weight: "1" }];
}

/** "a boat:0.5" -> its text and its weight, as disco takes them apart. */
export function splitWeight(text) {
  const found = WEIGHT.exec(text);
  return found ? { text: found[1], weight: found[2] } : { text, weight: "1" };
}

/** What was in the form before this tab was loaded again. */
export function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    if (kept) Object.assign(form, kept);
  } catch { /* not ours, or older: begin anew */ }
}

/** A copy to go back to. */
export const remembered = () => structuredClone({ preset: form.preset, texts: form.texts, prompts: form.prompts, stages: form.stages });
export async function goBack(before) {
  const { preset, ...others } = before;
  Object.assign(form, others);
  await loadSchema(preset);
  told(null);
}

// What is sent

const typed = ({ text, weight }) => {
  const number = weight.trim();
  return number === "" || Number(number) === 1 ? text : `${text}:${number}`;
};

export function promptSettings() {
  if (form.stages !== null) return { prompts: read(form.stages) };
  const given = form.prompts.filter((one) => one.text.trim());
  if (!given.length) return {};
  return given.length === 1 ? { prompt: typed(given[0]) } : { prompts: given.map(typed) };
}

/** All that differs from the defaults, as values. */
export const changedSettings = () => ({
  ...promptSettings(),
  ...Object.fromEntries(Object.entries(form.texts).map(([name, text]) => [name, valueOf(name, text)])),
});

/** What a run needs and this machine does not have, each with the way to get it. */
export function missingModels() {
  const chosen = [
    ["diffusion_model", currentValue("diffusion_model")],
    ...(currentValue("use_secondary_model") === true ? [["secondary_model", currentValue("secondary_model")]] : []),
    ...[currentValue("clip_models") ?? []].flat().map((name) => ["clip_models", name]),
  ];
  return chosen.flatMap(([setting, name]) => (form.schema.models[setting] ?? []).filter((model) => model.name === name && !model.have));
}

export const hasPrompt = () => form.stages !== null || form.prompts.some((one) => one.text.trim());
export const asked = (extra = {}) => ({ preset: form.preset, settings: { ...changedSettings(), ...extra } });
