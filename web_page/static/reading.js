// One document, read: the call, its answer, the page images, and the other formats of the same document.

import { call, upload } from "./api.js";

const TIMEOUT_S = 30; // the most that the API grants: nobody waits here for a program

/** How the API names its formats, what a file of each is called, and whether it is a text that can be copied. */
export const FORMATS = [
  { name: "json", extension: ".json", isText: true },
  { name: "text", extension: ".txt", isText: true },
  { name: "markdown", extension: ".md", isText: true },
  { name: "hocr", extension: ".hocr.html", isText: true },
  { name: "alto", extension: ".alto.xml", isText: true },
  { name: "pdf", extension: ".pdf", isText: false },
];

/** What was asked of the server, beside the document. */
export const DEFAULT_OPTIONS = Object.freeze({ schema: "auto", pages: "", minConfidence: 0.5, textLayer: false });

export class Reading {
  constructor(file, options) {
    this.file = file;
    this.options = options;
    this.result = null;
    this._images = new Map();
    this._formats = new Map();
  }

  /** Send the document and wait for the answer. */
  async start({ onUpload, signal }) {
    const answer = await this._ask("json", { page_images: "true" }, { onUpload, signal });
    const result = JSON.parse(await answer.blob.text());
    for (const page of result.pages) {
      if (page.image) this._images.set(page.number, URL.createObjectURL(blobOf(page.image)));
      // Only the pixels are let go of: without them the result is what the API answers to everybody.
      delete page.image;
    }
    this.result = result;
  }

  /** Where the image of a page is; undefined for one that could not be opened. */
  imageOf(number) {
    return this._images.get(number);
  }

  /** The document in a format, as a blob; asked for once. */
  format(name, signal) {
    if (!this._formats.has(name)) {
      const made = name === "json" ? Promise.resolve(jsonBlob(this.result)) : this._make(name, signal);
      this._formats.set(name, made);
      made.catch(() => this._formats.delete(name));
    }
    return this._formats.get(name);
  }

  /** What to call a file made of the document. */
  fileName(extension) {
    return (this.file.name.replace(/\.[^.]*$/, "") || "document") + extension;
  }

  /** Let go of the page images. */
  close() {
    for (const url of this._images.values()) URL.revokeObjectURL(url);
    this._images.clear();
  }

  async _make(name, signal) {
    // The same document once more: where the server stores documents, the first answer's is there already.
    const { blob, headers } = await this._ask(name, { store: "false" }, { signal });
    return new Blob([blob], { type: headers("Content-Type") ?? "" });
  }

  _ask(format, more, how) {
    const { schema, pages, minConfidence, textLayer } = this.options;
    const query = new URLSearchParams({ format, schema, timeout_s: TIMEOUT_S, min_confidence: minConfidence, ...more });
    if (pages) query.set("pages", pages);
    if (textLayer) query.set("text_layer", "prefer");
    const form = new FormData();
    form.append("file", this.file, this.file.name || "pasted");
    return upload(`/v1/ocr?${query}`, form, how);
  }
}

/** A value as a JSON file. */
export function jsonBlob(value) {
  return new Blob([JSON.stringify(value, null, 1), "\n"], { type: "application/json" });
}

function blobOf({ media_type, data }) {
  return new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))], { type: media_type });
}

let schemas = null;

/** The schemas that the server has, beside `auto` and `none`: `[{name, title}]`. Asked for once. */
export function schemaNames() {
  schemas ??= call("/v1/schemas", { quiet: true })
    .then((answer) => answer.json())
    .then((told) => told.schemas.map(({ name, title }) => ({ name, title })))
    .catch(() => {
      schemas = null; // next time again
      return ["invoice", "receipt"].map((name) => ({ name, title: "" }));
    });
  return schemas;
}
