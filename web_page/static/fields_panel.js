// The fields of a result: values with how sure they are, linked to where they stand, to be put right in place.

import { documentCurrency } from "./corrections.js";
import { button, el, icon, unseen } from "./dom.js";
import { edit } from "./editable.js";
import { fieldId, isLow } from "./evidence.js";
import { MEMBERS, fieldLabel, grouped, kindOf, shown } from "./field_kinds.js";
import { percent, t } from "./i18n.js";

export class FieldsPanel {
  /**
   * @param {Object} result
   * @param {Corrections|null} corrections null where nothing is to be put right
   * @param {function(): void} onCorrected called when one was made
   */
  constructor(result, corrections = null, onCorrected = () => {}) {
    this._fields = result.fields;
    this._corrections = corrections;
    this._onCorrected = onCorrected;
    this._currency = documentCurrency(result.fields);
    this.element = el("div", { class: "fields" });
    this.render();
  }

  /** Show everything anew. */
  render() {
    const { groups, lists } = grouped(this._fields);
    this.element.replaceChildren(
      ...groups.map(([group, names]) =>
        el(
          "section",
          { class: "field-group" },
          el("h3", { text: t(`group.${group}`) }),
          el(
            "ul",
            {},
            names.map((name) => this._row(name)),
          ),
        ),
      ),
      ...lists.map((name) => this._list(name)),
    );
  }

  _row(name) {
    const answer = this._fields[name];
    const kind = kindOf(name, answer);
    const label = fieldLabel(name);
    const currency = answer?.currency ?? this._currency;
    const value = this._valueAt(name, answer?.value ?? null);
    const text = shown(value, kind, currency);
    const place = el("div", { class: "field-value" });
    const open = () =>
      edit(place, { value, kind, currency, label: t("edit.label", { field: label }) }, (to) => this._correct(name, to));
    // A value that stands on the page leads there; one that does not is no link.
    const stands = answer?.quad
      ? button(text || t("none"), () => {}, {
          class: "value-link",
          data: { choose: "" },
          "aria-label": `${label}: ${text || t("none")}. ${t("field.show")}`,
        })
      : el("span", { class: text ? "value" : "value absent", text: text || t("none") });
    place.append(stands);
    if (this._corrections) {
      place.append(
        button(icon("pencil"), open, { class: "square edit-button", "aria-label": t("edit.open", { field: label }) }),
      );
    }
    return el(
      "li",
      {
        class: `field${this._isCorrected(name) ? " corrected" : ""}`,
        data: { field: name, ...(answer ? { evidence: fieldId(name) } : {}) },
      },
      el("div", { class: "field-name", text: label }),
      place,
      this._isCorrected(name) ? correctedMark() : confidenceMark(answer?.confidence),
      printed(answer, text, this._isCorrected(name)),
      partner(answer),
    );
  }

  _list(name) {
    const kind = kindOf(name, this._fields[name]);
    const entries = this._fields[name] ?? [];
    const section = el(
      "section",
      { class: "field-group", data: { field: name } },
      el("h3", { text: fieldLabel(name) }),
    );
    if (!entries.length) section.append(el("p", { class: "absent", text: t("none") }));
    else section.append(kind === "items" ? this._table(name, entries) : this._accounts(name, entries));
    return section;
  }

  _accounts(name, entries) {
    return el(
      "ul",
      { class: "accounts" },
      entries.map((entry, at) =>
        el(
          "li",
          { class: "account", data: { evidence: fieldId(name, at) } },
          el(
            "dl",
            {},
            Object.entries(MEMBERS.accounts).map(([member, kind]) =>
              el(
                "div",
                {},
                el("dt", { text: t(`account.member.${member}`) }),
                el("dd", {}, this._cell(name, at, member, kind, null)),
              ),
            ),
          ),
          el(
            "div",
            { class: "entry-end" },
            showButton(t("account.show", { number: at + 1 })),
            confidenceMark(entry.confidence),
          ),
        ),
      ),
    );
  }

  _table(name, entries) {
    const members = Object.entries(MEMBERS.items);
    const head = el(
      "tr",
      {},
      el("th", { scope: "col" }, unseen(t("item.number"))),
      members.map(([member, kind]) => el("th", { scope: "col", class: kind, text: t(`item.member.${member}`) })),
      el("th", { scope: "col", text: t("confidence.short") }),
    );
    const rows = entries.map((entry, at) =>
      el(
        "tr",
        { data: { evidence: fieldId(name, at) } },
        el(
          "th",
          { scope: "row" },
          button(String(at + 1), () => {}, {
            class: "quiet",
            data: { choose: "" },
            "aria-label": t("item.show", { number: at + 1 }),
          }),
        ),
        members.map(([member, kind]) => el("td", { class: kind }, this._cell(name, at, member, kind, this._currency))),
        el("td", {}, confidenceMark(entry.confidence)),
      ),
    );
    return el(
      "div",
      { class: "table-scroll", tabindex: "0", role: "region", "aria-label": fieldLabel(name) },
      el("table", { class: "items" }, el("thead", {}, head), el("tbody", {}, rows)),
    );
  }

  _cell(name, at, member, kind, currency) {
    const path = `${name}.${at}.${member}`;
    const value = this._valueAt(path, this._fields[name][at][member]);
    const text = shown(value, kind, null) || "–";
    if (!this._corrections) return el("span", { text });
    const family = member in MEMBERS.items ? "item" : "account";
    const label = t("edit.label", { field: `${fieldLabel(name)} ${at + 1}, ${t(`${family}.member.${member}`)}` });
    const place = el("span", { class: `cell${this._isCorrected(path) ? " corrected" : ""}` });
    place.append(
      button(text, () => edit(place, { value, kind, currency, label }, (to) => this._correct(path, to)), {
        class: "cell-value",
        "aria-label": `${text}. ${label}`,
      }),
    );
    return place;
  }

  _valueAt(path, read) {
    return this._corrections?.has(path) ? this._corrections.get(path) : read;
  }

  _isCorrected(path) {
    return Boolean(this._corrections?.has(path));
  }

  _correct(path, value) {
    this._corrections.set(path, value);
    const [name] = path.split(".");
    this.render();
    this.element.querySelector(`[data-field="${CSS.escape(name)}"] .edit-button`)?.focus();
    this._onCorrected();
  }
}

function showButton(label) {
  return button(t("show"), () => {}, { class: "quiet", data: { choose: "" }, "aria-label": label });
}

/** How sure the reading is: the number, a bar, and for a low one a sign and a word. */
export function confidenceMark(confidence) {
  if (typeof confidence !== "number") return null;
  const low = isLow(confidence);
  const bar = el("span", { class: "bar", "aria-hidden": "true" }, el("span"));
  bar.firstElementChild.style.setProperty("width", `${confidence * 100}%`);
  return el(
    "span",
    { class: `confidence${low ? " low" : ""}`, title: t(low ? "confidence.low" : "confidence") },
    low ? icon("warn") : null,
    unseen(t("confidence")),
    el("span", { class: "confidence-number", text: percent(confidence) }),
    bar,
    low ? el("span", { class: "confidence-word", text: t("confidence.check") }) : null,
  );
}

function correctedMark() {
  return el("span", { class: "confidence" }, icon("check"), el("span", { text: t("edit.corrected") }));
}

/** The text as it stands on the page, where it says more than the value. */
function printed(answer, text, isCorrected) {
  if (!answer?.text || (answer.text === text && !isCorrected)) return null;
  return el("div", { class: "printed" }, `${t("field.printed")} `, el("q", { text: answer.text }));
}

function partner(answer) {
  if (!answer?.partner) return null;
  const { name, code, matched_by: by, confidence } = answer.partner;
  return el("div", {
    class: "printed",
    text: t(`partner.${by}`, { name: code ? `${name} (${code})` : name, confidence: percent(confidence) }),
  });
}
