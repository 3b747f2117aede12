// A value that can be put right where it stands: Enter keeps what was typed, Escape leaves it as it was.

import { button, el, icon } from "./dom.js";
import { ACCOUNT_TYPES, parse, shown } from "./field_kinds.js";
import { t } from "./i18n.js";

/**
 * Puts a field in the place of a value until it is left.
 *
 * @param {Element} place whose children are replaced meanwhile
 * @param {{value, kind: string, currency: (string|undefined), label: string}} of
 * @param {function(*): void} onValue called with the new value, once; not if it was given up
 */
export function edit(place, { value, kind, currency, label }, onValue) {
  if (place.querySelector("form")) return;
  const before = [...place.childNodes];
  const returnTo = document.activeElement;
  const field = inputOf(kind, value, label);
  const complaint = el("span", { class: "complaint", role: "alert" });
  let over = false;
  const close = (focus) => {
    over = true;
    place.replaceChildren(...before);
    if (focus) returnTo?.focus();
  };
  const take = (focus) => {
    if (over) return;
    const typed = parse(field.value, kind, currency);
    if ("wrong" in typed) {
      complaint.textContent = typed.wrong;
      field.setAttribute("aria-invalid", "true");
      if (focus) field.focus();
      return;
    }
    close(focus);
    onValue(typed.value);
  };
  const form = el(
    "form",
    {
      class: "edit",
      on: {
        submit: (event) => {
          event.preventDefault();
          take(true);
        },
        keydown: (event) => {
          event.stopPropagation();
          if (event.key === "Escape") close(true);
        },
        // Going elsewhere keeps what was typed, as in a spreadsheet; what cannot be kept stays open.
        focusout: (event) => {
          if (over || form.contains(event.relatedTarget)) return;
          if (field.value === original) close(false);
          else take(false);
        },
      },
    },
    field,
    el("button", { type: "submit", class: "square", "aria-label": t("edit.keep") }, icon("check")),
    button(icon("cross"), () => close(true), { class: "square", "aria-label": t("cancel") }),
    complaint,
  );
  place.replaceChildren(form);
  const original = field.value;
  field.focus();
  field.select?.();
}

function inputOf(kind, value, label) {
  const named = { "aria-label": label };
  if (kind === "account_type") {
    const options = ["", ...ACCOUNT_TYPES].map((type) =>
      el("option", { value: type, selected: type === (value ?? ""), text: type ? shown(type, kind) : t("none") }),
    );
    return el("select", named, options);
  }
  const type = kind === "date" ? "date" : "text";
  const inputmode = kind === "money" || kind === "number" ? "decimal" : null;
  return el("input", { type, inputmode, value: value ?? "", autocomplete: "off", ...named });
}
