// Pictures from this machine, handed over to the folder.

import { send } from "./api.js";
import { h, icon, icons, toast } from "./dom.js";

/** A button that takes a picture from this machine into the folder; took(path) is called with where it lies. */
export function pictureButton(took, text = "Choose a picture") {
  const input = h("input", { type: "file", accept: "image/*", hidden: true, onchange: async () => {
    const [file] = input.files;
    input.value = "";
    if (file) await uploaded(file, took);
  } });
  return h("span", { class: "upload" }, input,
    h("button", { type: "button", onclick: () => input.click(), "aria-label": text, title: text }, icon(icons.file)));
}

export async function uploaded(file, took) {
  try {
    const { path } = await send("/api/uploads", file, file.name ?? "picture.png");
    took(path);
  } catch (error) {
    toast(error.message, { bad: true });
  }
}
