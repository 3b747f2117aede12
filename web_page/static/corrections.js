// What a person put right: kept by path, put into the result, saved with the document where the server stores it.

import { call } from "./api.js";

const BASE = document.querySelector('meta[name="bulk-url"]').content;

export class Corrections {
  constructor(result) {
    this._result = result;
    this._values = new Map(); // path → value
    this._saved = new Map(); // path → the value that the server has
  }

  /** How many there are. */
  get size() {
    return this._values.size;
  }

  /** Note a value; one that says what was read anyway is no correction. */
  set(path, value) {
    if (value === readAt(this._result.fields, path)) this._values.delete(path);
    else this._values.set(path, value);
  }

  /** Whether this value was put right. */
  has(path) {
    return this._values.has(path);
  }

  /** The value as it stands now. */
  get(path) {
    return this._values.has(path) ? this._values.get(path) : readAt(this._result.fields, path);
  }

  /** Forget all. */
  clear() {
    this._values.clear();
  }

  /** The result with the corrected values; each field or entry that has one says so by `corrected: true`. */
  result() {
    const result = structuredClone(this._result);
    for (const [path, value] of this._values) writeAt(result.fields, path, value);
    return result;
  }

  /** What the server has not been told: `[path, value]` each; also of a value that was set back to what was read. */
  unsaved() {
    const made = [...this._values].filter(([path, value]) => !this._saved.has(path) || this._saved.get(path) !== value);
    const takenBack = [...this._saved]
      .filter(([path]) => !this._values.has(path))
      .map(([path, saved]) => [path, readAt(this._result.fields, path), saved])
      .filter(([, read, saved]) => read !== saved);
    return [...made, ...takenBack.map(([path, read]) => [path, read])];
  }

  /** Note that the server has them. */
  noteSaved(entries) {
    for (const [path, value] of entries) this._saved.set(path, value);
  }
}

function readAt(fields, path) {
  const [name, at, member] = path.split(".");
  if (at !== undefined) return fields[name][at][member];
  return fields[name]?.value ?? null;
}

function writeAt(fields, path, value) {
  const [name, at, member] = path.split(".");
  if (at !== undefined) Object.assign(fields[name][at], { [member]: value, corrected: true });
  else if (fields[name]) Object.assign(fields[name], { value, corrected: true });
  else
    fields[name] = {
      value,
      ...currencyOf(fields, name),
      text: null,
      confidence: null,
      page: null,
      quad: null,
      corrected: true,
    };
}

/** An amount that was not found is taken to be in the currency of those that were. */
function currencyOf(fields, name) {
  if (!["total_amount", "subtotal", "tax_amount"].includes(name)) return {};
  return { currency: documentCurrency(fields) };
}

/** The currency of the amounts; yen where none is found. */
export function documentCurrency(fields) {
  return Object.values(fields).find((answer) => answer?.currency)?.currency ?? "JPY";
}

/** Whether the server stores the document that a result is about, so that corrections can be saved with it. */
export function isStored(result) {
  return typeof result.stored_until === "string";
}

/** Save what has not been saved. */
export async function saveCorrections(result, corrections) {
  const entries = corrections.unsaved();
  if (!entries.length) return;
  const body = JSON.stringify({ corrections: entries.map(([path, value]) => ({ path, value })) });
  const url = `${BASE}/v1/documents/${encodeURIComponent(result.id)}/corrections`;
  await call(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  corrections.noteSaved(entries);
}
