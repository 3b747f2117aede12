// The bulk API: jobs, their state as it changes, their result lines.

import { Abandoned, Problem, call, upload } from "./api.js";
import { events, objects } from "./streams.js";

const BASE = document.querySelector('meta[name="bulk-url"]').content;
const RECONNECT_FIRST_MS = 1_000;
const RECONNECT_MOST_MS = 30_000;

/** Whether nothing more happens to a job, unless it is redriven. */
export function hasEnded(job) {
  return job.status === "done" || job.status === "cancelled";
}

/**
 * Submit files as one job.
 *
 * @param {File[]} files
 * @param {{schema: string, formats: string[], priority: string}} options
 */
export async function submitJob(files, { schema, formats, priority }, { key, onUpload, signal }) {
  const form = new FormData();
  form.append("schema", schema);
  form.append("priority", priority);
  if (formats.length) form.append("formats", formats.join(","));
  for (const file of files) form.append("file", file, file.name || "pasted");
  const answer = await upload(`${BASE}/v1/jobs`, form, { headers: { "Idempotency-Key": key }, onUpload, signal });
  return JSON.parse(await answer.blob.text());
}

/** A key of its own for each form: sent twice, it makes one job. (`randomUUID` is there with https alone.) */
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** A job as it stands. */
export function getJob(id, signal) {
  return json(call(`${BASE}/v1/jobs/${encodeURIComponent(id)}`, { signal }));
}

/** Drop what has not ended. */
export function cancelJob(id) {
  return json(call(`${BASE}/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" }));
}

/** Run the failed documents again. */
export function redriveJob(id) {
  return json(call(`${BASE}/v1/jobs/${encodeURIComponent(id)}/redrive`, { method: "POST" }));
}

/**
 * Follow a job until it has ended; a connection that breaks is made anew.
 *
 * @param {function(Object): void} onState called with each state
 * @param {function(boolean): void} onConnected called when the connection is there, and when it is not
 */
export async function followJob(id, onState, onConnected, signal) {
  let lastId = null;
  let waitMs = RECONNECT_FIRST_MS;
  for (;;) {
    try {
      const headers = lastId === null ? {} : { "Last-Event-ID": lastId };
      const answer = await call(`${BASE}/v1/jobs/${encodeURIComponent(id)}/events`, { headers, signal });
      if (answer.status === 204) return; // it ended while nobody was listening
      onConnected(true);
      for await (const { event, id: eventId, data } of events(answer)) {
        lastId = eventId;
        waitMs = RECONNECT_FIRST_MS;
        if (event !== "status") continue;
        const state = JSON.parse(data);
        onState(state);
        if (hasEnded(state)) return;
      }
    } catch (error) {
      if (signal.aborted || error instanceof Abandoned) return;
      // What is refused for good is not asked for again; all else may pass.
      if (error instanceof Problem && [400, 401, 403, 404].includes(error.status)) throw error;
    }
    onConnected(false);
    await pause(waitMs, signal);
    if (signal.aborted) return;
    waitMs = Math.min(waitMs * 2, RECONNECT_MOST_MS);
  }
}

/**
 * The result lines behind a cursor, at most so many.
 *
 * @param {function(Object): void} onLine
 */
export async function readResults(id, cursor, most, onLine, signal) {
  const ender = new AbortController();
  const end = () => ender.abort();
  signal?.addEventListener("abort", end);
  try {
    const answer = await call(`${BASE}/v1/jobs/${encodeURIComponent(id)}/results?cursor=${cursor}`, {
      signal: ender.signal,
    });
    let left = most;
    for await (const line of objects(answer)) {
      onLine(line);
      left -= 1;
      if (left === 0) break; // leaving the loop ends the answer
    }
  } finally {
    signal?.removeEventListener("abort", end);
    end();
  }
}

async function json(answer) {
  return (await answer).json();
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
