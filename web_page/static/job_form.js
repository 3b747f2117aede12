// Many files become a job.

import { Abandoned } from "./api.js";
import { announce, button, el, icon } from "./dom.js";
import { bytes, count, t } from "./i18n.js";
import { dropZone, labelled, schemaChoice } from "./intake.js";
import { newIdempotencyKey, submitJob } from "./jobs_api.js";
import { problemCard } from "./problem_card.js";
import { FORMATS } from "./reading.js";

const FURTHER_FORMATS = FORMATS.filter(({ name }) => name !== "json").map(({ name }) => name);
const SHOWN_FILES = 100;

export class JobForm {
  /** @param {function(Object, File[]): void} onSubmitted called with the job and its files */
  constructor(onSubmitted) {
    this._onSubmitted = onSubmitted;
    this._files = [];
    this._options = { schema: "auto", formats: [], priority: "normal" };
    this._problem = null;
    this._sending = null; // {share, ender}
    this._key = newIdempotencyKey();
    this.element = el("section", { class: "card job-form", "aria-label": t("jobs.new") });
    this.render();
  }

  /** Put files on the list. */
  add(files) {
    this._files.push(...files);
    this._key = newIdempotencyKey();
    this.render();
    announce(t("jobs.files", { count: this._files.length }));
  }

  /** Show everything anew. */
  render() {
    this.element.setAttribute("aria-label", t("jobs.new"));
    this.element.classList.toggle("is-empty", this._files.length === 0);
    const zone = dropZone((files) => this.add(files), {
      multiple: true,
      compact: this._files.length > 0,
      title: t(this._files.length ? "jobs.more" : "jobs.drop"),
      hint: this._files.length ? "" : t("jobs.hint"),
    });
    const parts = [zone];
    if (this._files.length) parts.push(this._list(), this._optionsFields(), this._end());
    if (this._problem) parts.push(problemCard(this._problem, () => this._submit()));
    this.element.replaceChildren(...parts);
  }

  _list() {
    const size = this._files.reduce((sum, file) => sum + file.size, 0);
    return el(
      "div",
      { class: "file-list" },
      el("p", {}, el("strong", { text: t("jobs.files", { count: count(this._files.length) }) }), ` · ${bytes(size)}`),
      el(
        "ul",
        {},
        this._files.slice(0, SHOWN_FILES).map((file, at) =>
          el(
            "li",
            {},
            icon("file"),
            el("span", { class: "file-name", text: file.name }),
            el("small", { text: bytes(file.size) }),
            button(icon("cross"), () => this._remove(at), {
              class: "square",
              "aria-label": t("jobs.remove", { name: file.name }),
              disabled: Boolean(this._sending),
            }),
          ),
        ),
        this._files.length > SHOWN_FILES
          ? el("li", { text: t("jobs.and_more", { count: count(this._files.length - SHOWN_FILES) }) })
          : null,
      ),
    );
  }

  _remove(at) {
    this._files.splice(at, 1);
    this._key = newIdempotencyKey();
    this.render();
    (this.element.querySelectorAll(".file-list button")[at] ?? this.element.querySelector("input"))?.focus();
  }

  _optionsFields() {
    const options = this._options;
    const change = (act) => {
      act();
      this._key = newIdempotencyKey(); // another form under the old key would be refused
    };
    const priority = el(
      "select",
      { on: { change: () => change(() => (options.priority = priority.value)) } },
      ["normal", "low"].map((one) =>
        el("option", { value: one, selected: one === options.priority, text: t(`priority.${one}`) }),
      ),
    );
    const formats = FURTHER_FORMATS.map((name) => {
      const box = el("input", {
        type: "checkbox",
        checked: options.formats.includes(name),
        on: {
          change: () =>
            change(() => {
              options.formats = box.checked
                ? [...options.formats, name]
                : options.formats.filter((one) => one !== name);
            }),
        },
      });
      return el("label", { class: "checkbox" }, box, t(`format.${name}`));
    });
    return el(
      "div",
      { class: "options-fields" },
      labelled(
        t("options.schema"),
        schemaChoice(options.schema, (name) => change(() => (options.schema = name))),
      ),
      labelled(t("options.priority"), priority),
      el("fieldset", {}, el("legend", { text: t("options.formats") }), formats),
    );
  }

  _end() {
    if (this._sending) {
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
      this._said = el("span", { class: "hint" });
      this._tick();
      return el(
        "div",
        { class: "sending" },
        this._bar,
        this._said,
        button(t("cancel"), () => this._sending?.ender.abort(), { class: "quiet" }),
      );
    }
    return el(
      "div",
      { class: "actions" },
      button(t("jobs.submit", { count: count(this._files.length) }), () => this._submit(), {
        class: "primary",
        id: "submit-job",
      }),
      button(t("jobs.clear"), () => this._clear(), { class: "quiet" }),
    );
  }

  _tick() {
    const { share } = this._sending;
    const isSent = share === 1;
    this._bar.classList.toggle("endless", isSent || share === null);
    this._bar.firstElementChild.style.setProperty("width", `${(share ?? 0) * 100}%`);
    if (share !== null) this._bar.setAttribute("aria-valuenow", Math.round(share * 100));
    this._said.textContent = isSent
      ? t("jobs.storing")
      : t("progress.upload", { share: Math.floor((share ?? 0) * 100) });
  }

  _clear() {
    this._files = [];
    this._problem = null;
    this._key = newIdempotencyKey();
    this.render();
  }

  async _submit() {
    const files = [...this._files];
    this._problem = null;
    this._sending = { share: 0, ender: new AbortController() };
    this.render();
    const onUpload = (share) => {
      this._sending.share = share;
      this._tick();
    };
    try {
      const job = await submitJob(files, this._options, {
        key: this._key,
        onUpload,
        signal: this._sending.ender.signal,
      });
      this._files = [];
      this._key = newIdempotencyKey();
      this._onSubmitted(job, files);
    } catch (error) {
      if (!(error instanceof Abandoned)) this._problem = error;
    } finally {
      this._sending = null;
      this.render();
    }
  }
}
