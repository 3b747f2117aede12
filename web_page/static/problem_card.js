// A request that failed: what it means, what the server said, and another try where that makes sense.

import { button, el, icon } from "./dom.js";
import { t } from "./i18n.js";

const WORTH_ANOTHER_TRY = new Set([0, 401, 429, 500, 503, 504]);

/**
 * @param {Problem|Error} error
 * @param {function(): void} onAgain
 */
export function problemCard(error, onAgain) {
  const { title, advice, message, code, requestId, retryAfterS, status } = error;
  if (title === undefined) console.error(error); // a fault of this page
  return el(
    "section",
    { class: "card problem", role: "alert", tabindex: "-1" },
    el("h2", {}, icon("warn"), el("span", { text: title ?? t("problem.page") })),
    advice ? el("p", { text: advice }) : null,
    message ? el("p", { class: "problem-detail", text: message }) : null,
    retryAfterS ? el("p", { text: t("problem.retry_after", { seconds: retryAfterS }) }) : null,
    code ? el("p", { class: "hint" }, el("code", { text: code }), requestId ? ` · ${requestId}` : "") : null,
    WORTH_ANOTHER_TRY.has(status ?? 0) ? button(t("again"), onAgain, { class: "primary" }) : null,
  );
}
