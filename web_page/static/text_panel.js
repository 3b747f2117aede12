// All lines that were read, in reading order, each linked to its place; and the tables.

import { el, roving, unseen } from "./dom.js";
import { isLow, lineId } from "./evidence.js";
import { t } from "./i18n.js";

/** The lines of all pages. */
export function textPanel(result) {
  const panel = el(
    "div",
    { class: "text-panel" },
    result.pages.map((page) => [
      result.pages.length > 1 ? el("h3", { text: t("page.number", { number: page.number }) }) : null,
      page.error
        ? el("p", {
            class: "problem-line",
            text: `${t("viewer.unread", { number: page.number })} ${page.error.detail}`,
          })
        : el(
            "ol",
            { class: "lines" },
            page.lines.map((line, at) => lineOf(page, line, at)),
          ),
      (page.tables ?? []).map(tableOf),
    ]),
  );
  roving(panel, "button.line", ["ArrowUp", "ArrowDown"]);
  return panel;
}

function lineOf(page, line, at) {
  const low = isLow(line.confidence);
  return el(
    "li",
    {},
    el(
      "button",
      {
        type: "button",
        class: `line${low ? " low" : ""}`,
        data: { evidence: lineId(page.number, at), choose: "" },
        title: low ? t("confidence.low") : null,
      },
      line.text,
      low ? unseen(`, ${t("confidence.low")}`) : null,
    ),
  );
}

function tableOf({ rows }, at) {
  return el(
    "details",
    { class: "found-table" },
    el("summary", { text: t("table.number", { number: at + 1, rows: rows.length }) }),
    el(
      "div",
      {
        class: "table-scroll",
        tabindex: "0",
        role: "region",
        "aria-label": t("table.number", { number: at + 1, rows: rows.length }),
      },
      el(
        "table",
        {},
        el(
          "tbody",
          {},
          rows.map((row) =>
            el(
              "tr",
              {},
              row.map((cell) => el("td", { rowspan: cell.row_span, colspan: cell.column_span, text: cell.text })),
            ),
          ),
        ),
      ),
    ),
  );
}
