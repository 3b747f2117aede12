// Where documents come in: dropped anywhere, chosen, or pasted; and what is asked for with them.

import { el, icon } from "./dom.js";
import { t } from "./i18n.js";
import { schemaNames } from "./reading.js";

/** What the server opens; it decides from the bytes, this only narrows the dialog. */
const ACCEPT = "application/pdf,image/*,.heic,.heif,.avif,.tif,.tiff";

let nextId = 1;

/**
 * A field for files that looks like a place to drop them.
 *
 * @param {function(File[]): void} onFiles
 * @param {{multiple: boolean, compact: boolean, title: string, hint: string}} how
 */
export function dropZone(onFiles, { multiple, compact, title, hint }) {
  const id = `files-${nextId++}`;
  const field = el("input", {
    type: "file",
    id,
    class: "unseen",
    accept: ACCEPT,
    multiple,
    on: {
      change: () => {
        const files = [...field.files];
        field.value = ""; // so that the same file may be chosen again
        if (files.length) onFiles(files);
      },
    },
  });
  return el(
    "div",
    { class: `drop-zone${compact ? " compact" : ""}` },
    field,
    el(
      "label",
      { for: id },
      icon("upload"),
      el("strong", { text: title }),
      hint ? el("span", { class: "hint", text: hint }) : null,
    ),
  );
}

/**
 * Files that are dropped anywhere on the page, or pasted into it.
 *
 * @param {function(File[]): void} onFiles
 */
export function takeDropsAndPastes(onFiles) {
  const veil = document.getElementById("drop-veil");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // entering a child comes before leaving its parent
  const show = (on) => (veil.hidden = !on);
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    show(true);
  });
  addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show(depth > 0);
  });
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    const files = [...event.dataTransfer.files];
    if (files.length) onFiles(files);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  });
}

/** A choice of schema; those of the server's own are added when it has told them. */
export function schemaChoice(chosen, onChange = () => {}) {
  const choice = el("select", { on: { change: () => onChange(choice.value) } });
  const add = (name, title) => choice.append(el("option", { value: name, selected: name === chosen, text: title }));
  add("auto", t("schema.auto"));
  schemaNames().then((schemas) => {
    for (const { name, title } of schemas)
      add(name, title && title.toLowerCase() !== name ? `${title} (${name})` : name);
    add("none", t("schema.none"));
  });
  return choice;
}

/** A labelled field of a form. */
export function labelled(label, field, hint = null) {
  field.id ||= `field-${nextId++}`;
  return el(
    "div",
    { class: "labelled" },
    el("label", { for: field.id, text: label }),
    field,
    hint ? el("span", { class: "hint", text: hint }) : null,
  );
}
