// One job: how far it is, what failed and why, what can be done about it.

import { announce, button, el, icon } from "./dom.js";
import { count, moment, percent, t } from "./i18n.js";
import { cancelJob, followJob, getJob, hasEnded, redriveJob } from "./jobs_api.js";
import { ResultsList } from "./results_list.js";

const ASK_EVERY_MS = 5_000;
const PARTS = ["done", "failed", "cancelled"];

/** Browsers open six connections to a server: some jobs are followed, the others are asked about now and then. */
export class FollowPlaces {
  constructor(most) {
    this._left = most;
  }

  /** Take a place; null if there is none left, else what gives it back. */
  take() {
    if (this._left === 0) return null;
    this._left -= 1;
    return () => (this._left += 1);
  }
}

export class JobCard {
  /**
   * @param {{id: string, title: string, createdAt: string}} remembered
   * @param {FollowPlaces} places
   * @param {function(): void} onForget
   * @param {{state: (Object|null), isOpen: boolean}} at the start
   */
  constructor(remembered, places, onForget, { state = null, isOpen = false } = {}) {
    this._job = remembered;
    this._places = places;
    this._onForget = onForget;
    this._state = null;
    this._isOpen = isOpen;
    this._problem = null;
    this._isConnected = true;
    this._ender = new AbortController();
    this._results = new ResultsList(remembered.id, this._ender.signal);
    this.element = el("li", { class: "card job", data: { job: remembered.id } });
    this._head = el("div", { class: "job-head" });
    this._body = el("div", { class: "job-results", hidden: !isOpen }, this._results.element);
    this.element.append(this._head, this._body);
    if (state) this._take(state);
    else this._show();
    this._watch();
  }

  /** Stop asking. */
  close() {
    this._ender.abort();
  }

  /** Where it stands, for another card of the same job. */
  get kept() {
    return { state: this._state, isOpen: this._isOpen };
  }

  async _watch() {
    const { signal } = this._ender;
    try {
      if (this._state === null) this._take(await getJob(this._job.id, signal));
      while (!signal.aborted && !hasEnded(this._state)) {
        const giveBack = this._places.take();
        if (giveBack) {
          try {
            await followJob(
              this._job.id,
              (state) => this._take(state),
              (isThere) => this._connected(isThere),
              signal,
            );
          } finally {
            giveBack();
          }
          if (signal.aborted || hasEnded(this._state)) break;
        } else await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
        if (!signal.aborted) this._take(await getJob(this._job.id, signal));
      }
    } catch (error) {
      if (signal.aborted) return;
      this._problem = error;
      this._show();
    }
  }

  _take(state) {
    const before = this._state;
    this._state = state;
    this._problem = null;
    this._show();
    if (this._isOpen && state.last_sequence > 0) this._results.update(state.last_sequence);
    if (before && !hasEnded(before) && hasEnded(state)) {
      announce(t("jobs.ended", { title: this._job.title, done: state.documents.done, failed: state.documents.failed }));
    }
  }

  _connected(isThere) {
    if (this._isConnected === isThere) return;
    this._isConnected = isThere;
    this._show();
  }

  _show() {
    // What is redrawn several times a second must not take the focus from whoever is in it.
    const focused = this._head.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    this._head.replaceChildren(
      this._title(),
      ...(this._state ? [this._progress(), this._counts()] : []),
      this._problemLine() ?? "",
      this._actions(),
    );
    if (focused) this._head.querySelector(`[data-act="${focused}"]`)?.focus();
  }

  _title() {
    const { id, title, createdAt } = this._job;
    const status = this._state?.status ?? (this._problem ? "unknown" : "asking");
    return el(
      "div",
      { class: "job-title" },
      el("h3", { class: "file-name", text: title }),
      el("span", { class: `pill status-${status}`, data: { status }, text: t(`status.${status}`) }),
      this._state?.run > 1 ? el("span", { class: "pill", text: t("jobs.run", { run: this._state.run }) }) : null,
      this._isConnected ? null : el("span", { class: "hint", text: t("jobs.reconnecting") }),
      el("p", { class: "hint" }, el("code", { text: id }), ` · ${moment(createdAt)}`),
    );
  }

  _progress() {
    const { documents } = this._state;
    const ended = documents.total - documents.queued;
    const bar = el("div", {
      class: "progress parts",
      role: "progressbar",
      "aria-label": t("jobs.progress"),
      "aria-valuemin": "0",
      "aria-valuemax": documents.total,
      "aria-valuenow": ended,
      "aria-valuetext": t("jobs.progress.text", { ended: count(ended), total: count(documents.total) }),
    });
    for (const part of PARTS) {
      const piece = el("div", { class: `part-${part}` });
      piece.style.setProperty("width", `${(documents[part] / documents.total) * 100}%`);
      bar.append(piece);
    }
    return bar;
  }

  _counts() {
    const { documents } = this._state;
    const ended = documents.total - documents.queued;
    return el(
      "p",
      { class: "counts" },
      el("span", { text: t("jobs.progress.text", { ended: count(ended), total: count(documents.total) }) }),
      el("span", { text: percent(ended / documents.total) }),
      PARTS.filter((part) => documents[part] > 0).map((part) =>
        el(
          "span",
          { class: `count-${part}`, data: { count: part } },
          icon({ done: "check", failed: "warn", cancelled: "cross" }[part]),
          t(`jobs.count.${part}`, { count: count(documents[part]) }),
        ),
      ),
    );
  }

  _problemLine() {
    if (!this._problem) return null;
    const { title, message, status } = this._problem;
    const told = status === 404 ? t("jobs.gone") : `${title ?? t("problem.page")}. ${message}`;
    return el("p", { class: "problem-line", role: "alert" }, told);
  }

  _actions() {
    const state = this._state;
    const act = (name, text, how, properties = {}) => button(text, how, { data: { act: name }, ...properties });
    return el(
      "div",
      { class: "actions" },
      state && state.last_sequence > 0
        ? act("results", t(this._isOpen ? "jobs.hide" : "jobs.show"), () => this._toggle(), {
            "aria-expanded": String(this._isOpen),
          })
        : null,
      state && hasEnded(state) && state.status !== "cancelled" && state.documents.failed > 0
        ? act("redrive", t("jobs.redrive", { count: count(state.documents.failed) }), () => this._order(redriveJob))
        : null,
      state && !hasEnded(state) ? act("cancel", t("jobs.cancel"), () => this._order(cancelJob)) : null,
      this._problem ? act("again", t("again"), () => this._again()) : null,
      !state || hasEnded(state) ? act("forget", t("jobs.forget"), () => this._onForget(), { class: "quiet" }) : null,
    );
  }

  _toggle() {
    this._isOpen = !this._isOpen;
    this._body.hidden = !this._isOpen;
    this._show();
    if (this._isOpen) this._results.update(this._state.last_sequence);
  }

  _again() {
    this._problem = null;
    this._show();
    this._watch();
  }

  async _order(how) {
    const wasOver = hasEnded(this._state);
    try {
      this._take(await how(this._job.id));
      if (wasOver) this._watch(); // it runs again
    } catch (error) {
      this._problem = error;
      this._show();
    }
  }
}
