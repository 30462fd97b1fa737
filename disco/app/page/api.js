// What the page asks the server for, and what the server tells by itself.

export class ApiError extends Error {
  constructor(status, text, setting = null) {
    super(text);
    this.status = status;
    this.setting = setting;
  }
}

/** Everything that parts of the page tell one another: jobs, progress, form, locked, online, offline. */
const bus = new EventTarget();
export const emit = (name, detail) => bus.dispatchEvent(new CustomEvent(name, { detail }));

/** Listen; a signal ends it. */
export const on = (name, call, signal) => bus.addEventListener(name, (event) => call(event.detail), { signal });

const quoted = (path) => path.split("/").map(encodeURIComponent).join("/");
export const fileOf = (path) => `/files/${quoted(path)}`;
/** Whether a text can be the path of a file in the folder, which `fileOf` shows: no address, and not absolute. */
export const isInside = (text) => Boolean(text) && !/^(\w+:|\/)/.test(text);
/** A small one of a picture, by its address with its time: /files/PATH?t=... */
export const thumbOf = (url, side) => `${url.replace(/^\/files\//, "/thumbs/")}&side=${side}`;
export const reportOf = (path) => `/report/${quoted(path)}/`;
export const runOf = (path) => `/api/run/${quoted(path)}`;

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The server does not answer. Is disco app still running?");
  }
  const text = await answer.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch { /* no JSON: the status says it */ }
  if (answer.ok) return body;
  if (answer.status === 401) emit("locked");
  throw new ApiError(answer.status, body.error ?? `The server answered ${answer.status}`, body.setting ?? null);
}

export const get = (path, signal) => asked(path, { signal });
export const post = (path, body, signal) =>
  asked(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
export const send = (path, blob, name) =>
  asked(path, { method: "POST", headers: { "Content-Type": "application/octet-stream", "X-Name": encodeURIComponent(name) }, body: blob });

/** Follow the queue: by the server's events, and by asking where those do not come. */
export function follow() {
  let source = null;
  let timer = 0;
  const ask = async () => {
    try {
      emit("jobs", (await get("/api/jobs")).jobs);
      emit("online");
    } catch (error) {
      if (error.status === 0) emit("offline");
    }
  };
  const open = () => {
    source?.close();
    source = new EventSource("/api/events");
    source.addEventListener("open", () => {
      clearInterval(timer);
      timer = 0;
      emit("online");
    });
    source.addEventListener("jobs", (event) => {
      const told = JSON.parse(event.data);
      emit("jobs", told.jobs ?? told);
    });
    source.addEventListener("progress", (event) => emit("progress", JSON.parse(event.data)));
    source.addEventListener("error", () => {
      timer ||= setInterval(() => {
        ask();
        if (source.readyState === EventSource.CLOSED) open();
      }, 2000);
    });
  };
  ask();
  open();
}
