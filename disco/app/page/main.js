// Begins the page: the schema, the places, the queue, and what may happen anywhere.

import { follow, on, post } from "./api.js";
import { $, button, h, put, say } from "./dom.js";
import { loadSchema, restore, form } from "./form.js";
import { Gallery } from "./gallery.js";
import { Mask } from "./mask.js";
import { watchForm } from "./outlook.js";
import { Queue } from "./queue.js";
import { Render } from "./render.js";
import { here } from "./routes.js";
import { Run } from "./run.js";
import { Study } from "./study.js";
import { takeDrops } from "./taking.js";
import { themeSwitch } from "./theme.js";

const TITLES = { render: "Render", gallery: "Gallery", study: "Study", mask: "Mask" };
const places = {};
const scrolled = {}; // how far each place was scrolled, to come back to

function arrive() {
  const at = here();
  const name = at.place === "gallery" && at.path ? "run" : Object.hasOwn(places, at.place) ? at.place : "render";
  const main = $("main"), place = places[name];
  if (main.firstChild !== place.node) {
    if (main.firstChild) scrolled[main.dataset.place] = scrollY;
    put(main, place.node);
    main.dataset.place = name;
    scrollTo(0, scrolled[name] ?? 0);
  }
  document.title = `${TITLES[at.place] ?? "Render"} – disco`;
  for (const link of document.querySelectorAll("#places a")) {
    const current = link.dataset.place === (at.place === "mask" ? "gallery" : name === "run" ? "gallery" : name);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  place.show?.(at);
}

/** The server wants a password: nothing is shown before it is given. */
function askPassword() {
  if ($("login")) return;
  const input = h("input", { type: "password", autocomplete: "current-password", id: "password" });
  const wrong = h("p", { class: "error", role: "alert" });
  const dialog = h("dialog", { id: "login", "aria-label": "Password", oncancel: (event) => event.preventDefault() },
    h("form", { onsubmit: async (event) => {
      event.preventDefault();
      try {
        await post("/login", { password: input.value });
        location.reload();
      } catch (error) {
        wrong.textContent = error.status === 401 || error.status === 403 ? "That is not the password." : error.message;
        input.select();
      }
    } }, h("h1", {}, "disco"), h("input", { type: "text", autocomplete: "username", value: "disco", hidden: true }), h("label", { for: "password" }, "Password"), input, wrong, h("button", { type: "submit", class: "primary" }, "Come in")));
  document.body.append(dialog);
  dialog.showModal();
}

async function begin() {
  themeSwitch($("theme"));
  $("skip").addEventListener("click", (event) => { // the address says where one is, so it stays
    event.preventDefault();
    $("main").focus();
  });
  on("locked", askPassword);
  on("offline", () => ($("offline").hidden = false));
  on("online", () => ($("offline").hidden = true));
  restore();
  try {
    await loadSchema();
  } catch (error) {
    if (error.status === 422 && form.preset) { // a preset that is no longer there
      form.preset = null;
      await loadSchema();
    } else if (error.status === 401) return;
    else throw error;
  }
  places.render = new Render();
  places.gallery = new Gallery();
  places.run = new Run(places.gallery);
  places.mask = new Mask();
  places.study = new Study();
  new Queue();
  follow();
  watchForm();
  takeDrops();
  window.addEventListener("hashchange", arrive);
  arrive();
  document.documentElement.dataset.ready = "";
}

begin().catch((error) => {
  put($("main"), h("div", { class: "nothing" }, h("p", {}, error.message), button("Try again", () => location.reload())));
  say(error.message);
});
