// The API key: for this tab alone (sessionStorage), sent to the two APIs and to nobody else.

import { button, el } from "./dom.js";
import { t } from "./i18n.js";

const STORED_AS = "yomitori.key";
let kept = null;
let asking = null;

/** The key, or an empty text. */
export function apiKey() {
  if (kept === null) {
    try {
      kept = sessionStorage.getItem(STORED_AS) ?? "";
    } catch {
      kept = "";
    }
  }
  return kept;
}

function keep(key) {
  queueMicrotask(() => document.dispatchEvent(new Event("keychange")));
  kept = key;
  try {
    if (key) sessionStorage.setItem(STORED_AS, key);
    else sessionStorage.removeItem(STORED_AS);
  } catch {
    // It holds until the page is closed.
  }
}

/** The header that carries the key; none without a key. */
export function authorisation() {
  return apiKey() ? { Authorization: `Bearer ${apiKey()}` } : {};
}

/**
 * Show the dialog.
 *
 * @param {string} [refusal] what the server said, where it refused
 * @returns {Promise<boolean>} whether another key was given
 */
export function askForKey(refusal) {
  asking ??= ask(refusal).finally(() => (asking = null));
  return asking;
}

function ask(refusal) {
  const field = el("input", {
    type: "password",
    id: "key-field",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "key-help",
  });
  field.value = apiKey();
  const dialog = el(
    "dialog",
    { class: "card key-dialog", "aria-labelledby": "key-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "key-title", text: t("key.title") }),
      refusal ? el("p", { class: "problem-line", role: "alert", text: refusal }) : null,
      el("label", { for: "key-field", text: t("key.field") }),
      field,
      el("p", { class: "hint", id: "key-help", text: t("key.help") }),
      el(
        "div",
        { class: "actions" },
        el("button", { type: "submit", class: "primary", value: "use", text: t("key.use") }),
        apiKey() ? el("button", { type: "submit", value: "forget", text: t("key.forget") }) : null,
        button(t("cancel"), () => dialog.close("")),
      ),
    ),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      const before = apiKey();
      if (dialog.returnValue === "use") keep(field.value.trim());
      if (dialog.returnValue === "forget") keep("");
      resolve(dialog.returnValue === "use" && apiKey() !== "" && (apiKey() !== before || Boolean(refusal)));
    });
    dialog.showModal();
    field.focus();
    field.select();
  });
}
