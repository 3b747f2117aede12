// Calls of the two APIs: the key goes with them, refusals come back as `Problem`s, uploads tell how far they are.

import { has, t } from "./i18n.js";
import { askForKey, authorisation } from "./keys.js";

/** Why a request failed, in the words of RFC 9457, or of this page where no server was reached. */
export class Problem extends Error {
  constructor({ code, title, detail, status = 0, requestId = null, retryAfterS = null }) {
    super(detail);
    Object.assign(this, { code, title, detail, status, requestId, retryAfterS });
  }

  /** What to do about it, in the reader's language; empty where the server's own words have to do. */
  get advice() {
    return has(`problem.${this.code}`) ? t(`problem.${this.code}`) : "";
  }
}

/** The request was given up by the user. */
export class Abandoned extends Error {}

/**
 * Call, asking for a key where one is wanted; `quiet` where nobody waits for the answer.
 *
 * @returns {Promise<Response>} with a status below 400
 * @throws {Problem|Abandoned}
 */
export async function call(url, { method = "GET", headers = {}, body, signal, quiet = false } = {}) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(url, {
        method,
        body,
        signal,
        headers: { ...headers, ...authorisation() },
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
    } catch (error) {
      throw signal?.aborted ? new Abandoned() : unreachable(url, error);
    }
    if (answer.ok) return answer;
    const problem = readProblem(answer.status, await answer.text(), (name) => answer.headers.get(name));
    if (quiet || answer.status !== 401 || !(await askForKey(problem.detail))) throw problem;
  }
}

/**
 * Send a form, telling how much of it is on its way: `fetch` cannot.
 *
 * @param {function(number|null): void} onUpload share that has been sent; 1 when the answer is waited for
 * @returns {Promise<{blob: Blob, headers: function(string): (string|null)}>}
 * @throws {Problem|Abandoned}
 */
export async function upload(url, form, { headers = {}, onUpload = () => {}, signal } = {}) {
  for (;;) {
    const answer = await send(url, form, { headers, onUpload, signal });
    if (answer.status >= 200 && answer.status < 300) return answer;
    const problem = readProblem(answer.status, await answer.blob.text(), answer.headers);
    if (answer.status !== 401 || !(await askForKey(problem.detail))) throw problem;
  }
}

function send(url, form, { headers, onUpload, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "blob";
    for (const [name, value] of Object.entries({ ...headers, ...authorisation() }))
      request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onUpload(event.lengthComputable ? event.loaded / event.total : null);
    request.upload.onload = () => onUpload(1);
    request.onload = () =>
      resolve({ status: request.status, blob: request.response, headers: (name) => request.getResponseHeader(name) });
    request.onerror = () => reject(unreachable(url));
    request.onabort = () => reject(new Abandoned());
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function readProblem(status, text, header) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // A proxy in between answers with a page of its own.
  }
  return new Problem({
    status,
    code: typeof told.code === "string" ? told.code : `http_${status}`,
    title: typeof told.title === "string" ? told.title : t("problem.title", { status }),
    detail: typeof told.detail === "string" ? told.detail : "",
    requestId: typeof told.request_id === "string" ? told.request_id : null,
    retryAfterS: /^\d+$/.test(header("Retry-After") ?? "") ? Number(header("Retry-After")) : null,
  });
}

function unreachable(url, error) {
  return new Problem({
    code: "unreachable",
    title: t("problem.unreachable.title"),
    detail: t("problem.unreachable.detail", { address: new URL(url, location.href).origin, why: error?.message ?? "" }),
  });
}
