// What stands over a reading: its name and facts, the formats, and what was done differently from asked.

import { isStored } from "./corrections.js";
import { el, icon } from "./dom.js";
import { exportBar } from "./export_bar.js";
import { count, duration, moment, t } from "./i18n.js";

const STAGES = ["wait", "open", "detect", "recognise", "structure"];

/** @param {Reading} reading */
export function documentHead(reading) {
  const { result, file } = reading;
  const { timing_ms: timing } = result;
  const stages = STAGES.filter((stage) => timing[stage] >= 1).map(
    (stage) => `${t(`stage.${stage}`)} ${duration(timing[stage])}`,
  );
  return el(
    "div",
    { class: "document-head" },
    el(
      "div",
      {},
      el("h1", { class: "document-title", tabindex: "-1", text: file.name || t("pasted") }),
      el(
        "p",
        { class: "document-facts" },
        el("span", { class: "pill", text: t(`document.${result.document_type ?? "unknown"}`) }),
        el("span", { text: t("document.pages", { count: count(result.document.page_count) }) }),
        el("span", { text: t("document.time", { time: duration(timing.total) }) }),
        el("span", { class: "stages", text: stages.join(" · ") }),
        isStored(result) ? el("span", { text: t("document.stored", { until: moment(result.stored_until) }) }) : null,
      ),
    ),
    exportBar(reading),
  );
}

/** Pages that could not be read, and the result's warnings; an empty text where there are none. */
export function notices(result) {
  const unread = result.pages.filter((page) => page.error);
  const all = [
    ...unread.map(({ number, error }) => ({ code: error.code, detail: error.detail, page: number, isError: true })),
    ...result.warnings,
  ];
  if (!all.length) return "";
  return el("ul", { class: "notices", "aria-label": t("warnings") }, all.map(notice));
}

function notice({ code, detail, page, isError }) {
  return el(
    "li",
    { class: isError ? "notice bad" : "notice" },
    icon("warn"),
    el("span", {}, page ? el("strong", { text: `${t("page.number", { number: page })}: ` }) : null, detail),
    el("code", { text: code }),
  );
}
