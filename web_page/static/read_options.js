// What is asked for with a document: kept from one to the next.

import { button, el } from "./dom.js";
import { t } from "./i18n.js";
import { labelled, schemaChoice } from "./intake.js";
import { DEFAULT_OPTIONS } from "./reading.js";

export class ReadOptions {
  constructor() {
    this._chosen = { ...DEFAULT_OPTIONS };
    this._isOpen = false;
  }

  /** As they stand at this moment. */
  get chosen() {
    return { ...this._chosen };
  }

  /**
   * The form, closed unless it was left open.
   *
   * @param {(function(): void)|null} onAgain reads the last document once more; null where there is none
   */
  element(onAgain) {
    const chosen = this._chosen;
    const pages = el("input", {
      type: "text",
      value: chosen.pages,
      placeholder: "1-3,7",
      on: { change: () => (chosen.pages = pages.value.trim()) },
    });
    const confidence = el("input", {
      type: "number",
      min: "0",
      max: "1",
      step: "0.05",
      value: chosen.minConfidence,
      on: { change: () => (chosen.minConfidence = confidence.value || DEFAULT_OPTIONS.minConfidence) },
    });
    const layer = el("input", {
      type: "checkbox",
      checked: chosen.textLayer,
      on: { change: () => (chosen.textLayer = layer.checked) },
    });
    const details = el(
      "details",
      { class: "options", open: this._isOpen, on: { toggle: () => (this._isOpen = details.open) } },
      el("summary", { text: t("options.title") }),
      el(
        "div",
        { class: "options-fields" },
        labelled(
          t("options.schema"),
          schemaChoice(chosen.schema, (name) => (chosen.schema = name)),
        ),
        labelled(t("options.pages"), pages),
        labelled(t("options.min_confidence"), confidence, t("options.min_confidence.hint")),
        el("label", { class: "checkbox" }, layer, t("options.text_layer")),
        onAgain && button(t("options.again"), onAgain),
      ),
    );
    return details;
  }
}
