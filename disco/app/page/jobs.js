// The queue as the server tells it, and what jobs can be told.

import { emit, on, post } from "./api.js";
import { toast } from "./dom.js";
import { hashOf } from "./routes.js";
import { duration, plural } from "./words.js";

export const jobs = { list: [], known: false };

on("jobs", (list) => {
  jobs.list = list;
  jobs.known = true;
  emit("queue");
});
on("progress", (told) => {
  jobs.list = jobs.list.map((job) => (job.id === told.id ? told : job));
  emit("step", told);
});

export const jobOf = (id) => jobs.list.find((job) => job.id === id);
export const running = () => jobs.list.filter((job) => job.state === "running");
export const waiting = () => jobs.list.filter((job) => job.state === "waiting");
export const isOver = (job) => !["running", "waiting"].includes(job.state);

/** Jobs of many pictures, which have a page of their own. */
export const isStudy = (job) => ["study", "scan", "promote"].includes(job.kind);
export const addressOf = (job) => hashOf(isStudy(job) ? "study" : "gallery", job.folder);

/** How far a job is, from 0 to 1. */
export function shareOf(job) {
  if (job.cells && job.cells[1] > 1) return job.cells[0] / job.cells[1];
  return job.steps ? Math.min(1, job.done / job.steps) : 0;
}

/** "step 34 of 100, 12 s left" */
export function standOf(job) {
  if (job.state === "waiting") {
    const before = waiting().findIndex((one) => one.id === job.id) + running().length;
    return before ? `waiting for ${plural(before, "job")}` : "waiting";
  }
  if (job.state !== "running") return job.state;
  const stand = job.cells && (job.cells[1] > 1 || isStudy(job)) ? `${job.cells[0]} of ${plural(job.cells[1], "picture")}`
    : job.done ? `step ${job.done} of ${job.steps}` : "loading the models";
  return [stand, job.seconds_left ? `${duration(job.seconds_left)} left` : ""].filter(Boolean).join(", ");
}

async function told(call) {
  try {
    return await call();
  } catch (error) {
    toast(error.message, { bad: true });
    return null;
  }
}

/** Put a job into the queue; null if it was refused, which is said. */
export const start = (job) => told(async () => {
  const made = await post("/api/jobs", job);
  if (!jobOf(made.id)) jobs.list = [...jobs.list, made]; // before the server tells of it
  emit("queue");
  return made;
});

export const tell = (id, what) => told(async () => emit("jobs", (await post(`/api/jobs/${encodeURIComponent(id)}`, { do: what })).jobs));
