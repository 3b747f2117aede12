// Which jobs this browser has sent: ids, names and times; never a document or a result.

const STORED_AS = "yomitori.jobs";
const MOST = 50;

/** `[{id, title, files, createdAt}]`, newest first. */
export function rememberedJobs() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORED_AS) ?? "[]");
    return Array.isArray(kept) ? kept.filter((job) => typeof job?.id === "string") : [];
  } catch {
    return [];
  }
}

/** Remember one, before all others. */
export function rememberJob(job) {
  keep([job, ...rememberedJobs().filter(({ id }) => id !== job.id)].slice(0, MOST));
}

/** Forget one; the server keeps it. */
export function forgetJob(id) {
  keep(rememberedJobs().filter((job) => job.id !== id));
}

function keep(jobs) {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(jobs));
  } catch {
    // Storage is full or switched off: the list is as long as the page is open.
  }
}
