// Copy and download, in every format that the API has.

import { Abandoned } from "./api.js";
import { announce, button, el, save } from "./dom.js";
import { t } from "./i18n.js";
import { FORMATS } from "./reading.js";

/** @param {Reading} reading */
export function exportBar(reading) {
  const said = el("span", { class: "hint export-said", role: "status" });
  const choice = el(
    "select",
    { id: "export-format", "aria-label": t("export.format") },
    FORMATS.map(({ name }) => el("option", { value: name, text: t(`format.${name}`) })),
  );
  const copyButton = button(t("export.copy"), () => act(copy), {});
  const saveButton = button(t("export.save"), () => act(download), { class: "primary" });
  const chosen = () => FORMATS.find(({ name }) => name === choice.value);
  choice.addEventListener("change", () => {
    copyButton.disabled = !chosen().isText;
    said.textContent = "";
  });

  async function act(how) {
    const format = chosen();
    said.textContent = t("export.making");
    copyButton.disabled = saveButton.disabled = true;
    try {
      await how(reading, format);
      said.textContent = t(how === copy ? "export.copied" : "export.saved");
      announce(said.textContent);
    } catch (error) {
      if (!(error instanceof Abandoned))
        said.textContent = error.title ? `${error.title}. ${error.message}` : t("export.failed");
    } finally {
      saveButton.disabled = false;
      copyButton.disabled = !chosen().isText;
    }
  }

  return el("div", { class: "export-bar" }, choice, copyButton, saveButton, said);
}

async function download(reading, { name, extension }) {
  save(await reading.format(name), reading.fileName(extension));
}

async function copy(reading, { name }) {
  const text = reading.format(name).then((blob) => blob.text());
  if (navigator.clipboard?.write) {
    // A promise inside: the click still counts when the format has been made.
    const plain = text.then((content) => new Blob([content], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": plain })]);
    return;
  }
  // Without https there is no clipboard but this one.
  const field = el("textarea", { class: "unseen" });
  field.value = await text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error();
}
