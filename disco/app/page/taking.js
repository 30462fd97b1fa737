// Settings from a picture or a file that is dropped, pasted or chosen: says what it took, and what it did not know.

import { send } from "./api.js";
import { $, toast } from "./dom.js";
import { form, goBack, remembered, set, take } from "./form.js";
import { go } from "./routes.js";
import { uploaded } from "./upload.js";
import { plural } from "./words.js";

const nameOf = (file) => file.name || (file.type.startsWith("image/") ? "picture.png" : "settings.txt");

export async function takeFiles(files) {
  const [file] = files;
  if (!file) return;
  if (files.length > 1) toast("One file at a time: the first is taken");
  const before = remembered();
  try {
    const found = await send("/api/import", file, nameOf(file));
    await take(found.settings, { preset: found.preset ?? null });
    go("render");
    report(file, found, before);
  } catch (error) {
    if (file.type.startsWith("image/")) offerPicture(file, error.message);
    else toast(error.message, { bad: true });
  }
}

function report(file, found, before) {
  const count = Object.keys(found.settings).length;
  const unknown = found.unknown ?? [];
  toast(`Took ${plural(count, "setting")} from ${nameOf(file)}`, {
    details: [
      found.preset ? `Over the preset ${found.preset}` : "",
      unknown.length ? `Not known here, and left out: ${unknown.map((one) => (Array.isArray(one) ? one.join(": ") : typeof one === "string" ? one : one.name)).join(", ")}` : "",
      ...(found.notes ?? []),
    ].filter(Boolean),
    actions: [["Undo", () => goBack(before)]],
  });
}

/** A picture without settings can still be something to start from. */
function offerPicture(file, why) {
  toast(why, { bad: true, actions: [["Start from this picture", () => uploaded(file, startFrom)]] });
}

/** A picture of the folder as the start of a run. */
export function startFrom(path) {
  set("init_image", path);
  if (form.settings.strength) set("strength", "0.6");
  go("render");
  toast("The run starts from this picture; strength says how much of it is drawn anew");
}

/** Dropped or pasted anywhere on the page. */
export function takeDrops() {
  const over = $("drop");
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const show = (shown) => (over.hidden = !shown);
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    show(true);
  });
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) show(false);
  });
  window.addEventListener("drop", (event) => {
    depth = 0;
    show(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    takeFiles(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) {
      event.preventDefault();
      takeFiles(event.clipboardData.files);
    }
  });
}
