// What a run would be and take, asked while its settings are typed.

import { emit, on, post } from "./api.js";
import { debounced } from "./dom.js";
import { asked, form, hasPrompt } from "./form.js";

const PLACEHOLDER = "a star";

let turn = 0;
let trying = false; // costs are found out by trying some steps, one request at a time

async function answerOf(body) {
  try {
    return await post("/api/outlook", body);
  } catch (error) {
    return { ok: false, errors: [{ setting: error.setting, error: error.message }], notes: [] };
  }
}

function tell(outlook) {
  form.errors = Object.fromEntries(outlook.errors.map((one) => [one.setting ?? "", one.error]));
  form.outlook = outlook;
  emit("outlook", outlook);
}

async function ask() {
  const own = ++turn;
  // The other settings can be told of before there is a prompt.
  const outlook = await answerOf(asked(hasPrompt() ? {} : { prompt: PLACEHOLDER }));
  if (own !== turn) return; // typed on since
  tell(outlook);
  if (outlook.ok && hasPrompt()) askCosts();
}

async function costs() {
  if (trying || !form.outlook?.ok) return;
  const own = turn;
  trying = true;
  const outlook = await answerOf({ ...asked(), costs: true });
  trying = false;
  if (own === turn) tell(outlook);
  else if (hasPrompt()) askCosts();
}

const askSoon = debounced(200, ask);
const askCosts = debounced(600, costs);

/** Ask whenever the form changes. */
export function watchForm() {
  on("form", () => {
    turn += 1; // what is under way is about older settings
    askSoon();
  });
  askSoon();
}
