// A job's result lines: one by one as documents end, the newest of each document, failures with their reasons.

import { Abandoned } from "./api.js";
import { button, el, icon, save } from "./dom.js";
import { FieldsPanel } from "./fields_panel.js";
import { shown } from "./field_kinds.js";
import { count, t } from "./i18n.js";
import { readResults } from "./jobs_api.js";
import { jsonBlob } from "./reading.js";

const PAGE_LINES = 50; // each holds a whole result; a job may have a hundred thousand

export class ResultsList {
  /** @param {string} jobId */
  constructor(jobId, signal) {
    this._jobId = jobId;
    this._signal = signal;
    this._cursor = 0;
    this._most = PAGE_LINES;
    this._reached = 0; // the job's newest line
    this._rows = new Map(); // by document: a redriven one has a newer line
    this._loading = null;
    this._list = el("ul", { class: "results" });
    this._more = button("", () => this._showMore(), { class: "quiet", hidden: true });
    this._said = el("p", { class: "problem-line", role: "alert", hidden: true });
    this.element = el("div", { class: "results-block" }, this._list, this._said, this._more);
  }

  /** Read what has come up to a line. */
  async update(lastSequence) {
    this._reached = Math.max(this._reached, lastSequence);
    this._loading ??= this._load().finally(() => (this._loading = null));
    await this._loading;
  }

  async _load() {
    try {
      while (this._cursor < this._reached && this._rows.size < this._most) {
        const before = this._cursor;
        await readResults(
          this._jobId,
          this._cursor,
          this._most - this._rows.size,
          (line) => this._take(line),
          this._signal,
        );
        if (this._cursor === before) break;
      }
      this._said.hidden = true;
    } catch (error) {
      if (error instanceof Abandoned) return;
      this._said.textContent = `${error.title ?? t("problem.page")}. ${error.message}`;
      this._said.hidden = false;
    }
    const left = this._reached - this._cursor;
    this._more.hidden = left <= 0;
    this._more.textContent = t("results.more", { count: count(left) });
  }

  _showMore() {
    this._most += PAGE_LINES;
    this.update(this._reached);
  }

  _take(line) {
    this._cursor = line.sequence;
    const row = line.status === "done" && line.result ? doneRow(line) : failedRow(line);
    this._rows.get(line.document_id)?.remove();
    this._rows.set(line.document_id, row);
    this._list.append(row);
  }
}

function nameOf(line) {
  return line.reference ?? line.file_name ?? line.document_id;
}

function failedRow(line) {
  const { code, title, detail } = line.error ?? {};
  return el(
    "li",
    { class: "result failed", data: { status: "failed" } },
    icon("warn"),
    el(
      "div",
      { class: "result-main" },
      el("span", { class: "file-name", text: nameOf(line) }),
      el(
        "p",
        { class: "reason" },
        el("strong", { text: title ?? t("results.failed") }),
        detail ? ` ${detail}` : "",
        " ",
        el("code", { text: code ?? "" }),
      ),
    ),
  );
}

function doneRow(line) {
  const { result } = line;
  const fields = result.fields;
  const more = el("div", { class: "result-fields", hidden: true });
  const open = button(
    t("results.fields"),
    () => {
      more.hidden = !more.hidden;
      open.setAttribute("aria-expanded", String(!more.hidden));
      if (!more.hidden && !more.firstChild) more.append(new FieldsPanel(result).element);
    },
    { "aria-expanded": "false", class: "quiet" },
  );
  const stem =
    nameOf(line)
      .replace(/\.[^.]*$/, "")
      .replace(/[\\/]/g, "_") || "document";
  return el(
    "li",
    { class: "result done", data: { status: "done" } },
    icon("check"),
    el(
      "div",
      { class: "result-main" },
      el("span", { class: "file-name", text: nameOf(line) }),
      el(
        "p",
        { class: "summary" },
        el("span", { class: "pill", text: t(`document.${result.document_type ?? "unknown"}`) }),
        summary(fields),
      ),
      more,
    ),
    el(
      "div",
      { class: "result-actions" },
      fields ? open : null,
      button("JSON", () => save(jsonBlob(result), `${stem}.json`), {
        class: "quiet",
        "aria-label": t("results.json", { name: nameOf(line) }),
      }),
      Object.entries(result.links ?? {}).map(([format, url]) => linkTo(format, url)),
    ),
  );
}

function summary(fields) {
  const told = ["issuer_name", "total_amount", "document_date"]
    .map((name) => fields?.[name])
    .filter(Boolean)
    .map(({ value, currency }) => shown(value, currency ? "money" : "text", currency));
  return el("span", { text: told.join(" · ") });
}

/** A further format, where object storage has it; an address of any other kind is no link. */
function linkTo(format, url) {
  if (!/^https?:\/\//.test(url)) return null;
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", text: t(`format.${format}`) });
}
