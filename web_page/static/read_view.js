// The first view: one document, from the file to its fields beside the page.

import { Abandoned } from "./api.js";
import { Corrections, isStored, saveCorrections } from "./corrections.js";
import { documentHead, notices } from "./document_head.js";
import { announce, button, el, icon, roving, save } from "./dom.js";
import { Links, evidenceOf } from "./evidence.js";
import { FieldsPanel } from "./fields_panel.js";
import { bytes, count, duration, t } from "./i18n.js";
import { dropZone } from "./intake.js";
import { PageViewer } from "./page_viewer.js";
import { problemCard } from "./problem_card.js";
import { ReadOptions } from "./read_options.js";
import { Reading, jsonBlob } from "./reading.js";
import { textPanel } from "./text_panel.js";

const TICK_MS = 100;

export class ReadView {
  /**
   * @param {Element} root
   * @param {function(File[]): void} onMany called with several files: they are a job
   */
  constructor(root, onMany) {
    this._root = root;
    this._onMany = onMany;
    this._optionsForm = new ReadOptions();
    this._reading = null; // the newest that ended well
    this._corrections = null;
    this._problem = null;
    this._pending = null; // {file, share, startedMs, sentMs, ender}
    this._tab = "fields";
    this.render();
  }

  /** Read a file; several go to the other view. */
  take(files) {
    if (files.length > 1) this._onMany(files);
    else this._read(files[0]);
  }

  /** Show everything as it stands. */
  render() {
    const isIdle = this._reading === null && !this._pending;
    const parts = [this._intake()];
    this._root.classList.toggle("is-idle", this._reading === null || this._pending !== null);
    if (isIdle) {
      parts.unshift(
        el("div", { class: "intro" }, el("h1", { text: t("read.title") }), el("p", { text: t("read.lead") })),
      );
      parts.push(el("p", { class: "hint" }, `${t("read.many")} `, el("a", { href: "#jobs", text: t("nav.jobs") })));
    }
    if (this._pending) parts.push(this._progress());
    if (this._problem) parts.push(problemCard(this._problem.error, () => this._read(this._problem.file)));
    if (this._reading && !this._pending) parts.push(...this._answer());
    this._root.replaceChildren(...parts);
  }

  async _read(file) {
    this._pending?.ender.abort();
    const pending = { file, share: null, startedMs: performance.now(), sentMs: null, ender: new AbortController() };
    this._pending = pending;
    this._problem = null;
    this.render();
    this._root.querySelector(".progress-card")?.scrollIntoView({ block: "nearest" });
    announce(t("progress.sending", { name: file.name }));
    const reading = new Reading(file, this._optionsForm.chosen);
    const onUpload = (share) => {
      pending.share = share;
      if (share === 1 && pending.sentMs === null) {
        pending.sentMs = performance.now();
        announce(t("progress.reading"));
      }
      this._tick();
    };
    const ticking = setInterval(() => this._tick(), TICK_MS);
    try {
      await reading.start({ onUpload, signal: pending.ender.signal });
      if (this._pending !== pending) return reading.close();
      this._reading?.close();
      this._reading = reading;
      this._corrections = new Corrections(reading.result);
      this._tab = reading.result.fields ? "fields" : "text";
      announce(t("read.done", { name: file.name }));
    } catch (error) {
      if (this._pending !== pending) return;
      if (!(error instanceof Abandoned)) this._problem = { error, file };
    } finally {
      clearInterval(ticking);
      if (this._pending === pending) {
        this._pending = null;
        this.render();
        this._root.querySelector(".problem, .document-title")?.focus();
      }
    }
  }

  _intake() {
    const compact = this._reading !== null || this._pending !== null;
    const zone = dropZone((files) => this.take(files), {
      multiple: true,
      compact,
      title: t(compact ? "drop.another" : "drop.title"),
      hint: compact ? "" : t("drop.hint"),
    });
    const again = this._reading && (() => this._read(this._reading.file));
    return el(
      "section",
      { class: `intake${compact ? " is-compact" : ""}`, "aria-label": t("read.title") },
      zone,
      this._optionsForm.element(again),
    );
  }

  _progress() {
    const { file, ender } = this._pending;
    this._bar = el(
      "div",
      {
        class: "progress",
        role: "progressbar",
        "aria-label": t("progress.label"),
        "aria-valuemin": "0",
        "aria-valuemax": "100",
      },
      el("div"),
    );
    this._sending = el("li");
    this._working = el("li");
    const card = el(
      "section",
      { class: "card progress-card", "aria-label": t("progress.label") },
      el(
        "h2",
        {},
        icon("file"),
        el("span", { class: "file-name", text: file.name }),
        el("small", { text: bytes(file.size) }),
      ),
      this._bar,
      el("ol", { class: "steps" }, this._sending, this._working),
      button(t("cancel"), () => ender.abort(), { class: "quiet" }),
    );
    this._tick();
    return card;
  }

  _tick() {
    if (!this._pending) return;
    const { share, startedMs, sentMs } = this._pending;
    const isSent = sentMs !== null;
    this._bar.classList.toggle("endless", isSent || share === null);
    if (isSent || share === null) this._bar.removeAttribute("aria-valuenow");
    else {
      this._bar.setAttribute("aria-valuenow", Math.round(share * 100));
      this._bar.firstElementChild.style.setProperty("width", `${share * 100}%`);
    }
    this._sending.className = isSent ? "over" : "now";
    this._sending.textContent = isSent
      ? t("progress.sent", { time: duration(sentMs - startedMs) })
      : t("progress.upload", { share: Math.floor((share ?? 0) * 100) });
    this._working.className = isSent ? "now" : "";
    this._working.textContent = isSent
      ? t("progress.working", { time: duration(performance.now() - sentMs) })
      : t("progress.then");
  }

  _answer() {
    const { result } = this._reading;
    const evidence = evidenceOf(result);
    const links = new Links((id, from) => this._choose(id, from));
    this._links = links;
    this._viewer = new PageViewer(this._reading, evidence, links);
    this._panel = el("section", { class: "panel", "aria-label": t("panel.label") });
    links.watch(this._panel);
    this._panelBody = el("div", { class: "panel-body", role: "tabpanel", id: "panel-body" });
    this._correctionsBar = el("div", { class: "corrections-bar", hidden: true });
    this._panel.append(this._tabs(), this._panelBody, this._correctionsBar);
    this._showTab();
    this._showCorrections();
    return [
      documentHead(this._reading),
      notices(result),
      el("div", { class: "reading" }, this._viewer.element, this._panel),
    ];
  }

  _tabs() {
    const tabs = ["fields", "text"].map((tab) =>
      button(t(`tab.${tab}`), () => this._openTab(tab), {
        role: "tab",
        id: `tab-${tab}`,
        "aria-controls": "panel-body",
      }),
    );
    const list = el("div", { class: "tabs", role: "tablist", "aria-label": t("panel.label") }, tabs);
    roving(list, "[role=tab]", ["ArrowLeft", "ArrowRight"]);
    return list;
  }

  _openTab(tab) {
    this._tab = tab;
    this._showTab();
  }

  _showTab() {
    for (const tab of this._panel.querySelectorAll("[role=tab]")) {
      const isOpen = tab.id === `tab-${this._tab}`;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
    }
    this._panelBody.setAttribute("aria-labelledby", `tab-${this._tab}`);
    const { result } = this._reading;
    if (this._tab === "text") this._panelBody.replaceChildren(textPanel(result));
    else if (result.fields)
      this._panelBody.replaceChildren(
        new FieldsPanel(result, this._corrections, () => this._showCorrections()).element,
      );
    else this._panelBody.replaceChildren(el("p", { class: "absent", text: t("fields.none") }));
    this._links.renew();
  }

  _choose(id, from) {
    if (from === this._panel) this._viewer.go(id);
    else {
      const tab = id.startsWith("line:") ? "text" : "fields";
      if (tab !== this._tab) this._openTab(tab);
      const there = this._panel.querySelector(`[data-evidence="${CSS.escape(id)}"]`);
      there?.scrollIntoView({ block: "nearest" });
      (there?.matches("button") ? there : there?.querySelector("button"))?.focus({ preventScroll: true });
    }
    this._links.choose(id);
  }

  _showCorrections() {
    const corrections = this._corrections;
    const bar = this._correctionsBar;
    const { result } = this._reading;
    bar.hidden = corrections.size === 0 && corrections.unsaved().length === 0;
    if (bar.hidden) return;
    const said = el("span", { class: "hint", role: "status" });
    const download = button(t("corrections.download"), () =>
      save(jsonBlob(corrections.result()), this._reading.fileName(".corrected.json")),
    );
    const discard = button(t("corrections.discard"), () => this._discardCorrections(), { class: "quiet" });
    bar.replaceChildren(
      el("strong", { text: t("corrections.count", { count: count(corrections.size) }) }),
      download,
      discard,
      said,
    );
    if (!isStored(result)) return;
    const saveThem = button(
      t("corrections.save"),
      async () => {
        saveThem.disabled = true;
        try {
          await saveCorrections(result, corrections);
          said.textContent = t("corrections.saved");
          announce(said.textContent);
        } catch (error) {
          said.textContent = error.title ? `${error.title}. ${error.message}` : t("problem.page");
          saveThem.disabled = false;
        }
      },
      { class: "primary", disabled: corrections.unsaved().length === 0 },
    );
    download.before(saveThem);
  }

  _discardCorrections() {
    this._corrections.clear();
    this._showTab();
    this._showCorrections();
  }
}
