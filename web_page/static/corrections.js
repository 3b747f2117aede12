// What a person put right: kept by path, put into the result, told to the server where it takes such.

import { call } from "./api.js";

const ROUTE = /^\/v1\/documents\/\{[^}]+\}\/corrections$/;

export class Corrections {
  constructor(result) {
    this._result = result;
    this._values = new Map(); // path → value
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

  /** The corrected fields alone, in the form of the result's `fields` but without evidence: what the server is sent. */
  body() {
    const corrected = this.result().fields;
    const names = new Set([...this._values.keys()].map((path) => path.split(".")[0]));
    return { fields: Object.fromEntries([...names].map((name) => [name, plain(corrected[name])])) };
  }
}

function plain(answer) {
  if (Array.isArray(answer)) return answer.map(plain);
  if (answer.value === null) return null; // the document does not print it
  const { text, confidence, page, quad, partner, corrected, ...values } = answer;
  return values;
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

let route = null;

/** Where corrections of a document go; null where the server takes none. Asked of /openapi.json, once. */
export async function correctionsUrl(documentId) {
  route ??= call("/openapi.json", { quiet: true })
    .then((answer) => answer.json())
    .then(({ paths }) => Object.keys(paths).find((path) => ROUTE.test(path) && paths[path].post) ?? null)
    .catch(() => {
      route = null; // next time again
      return null;
    });
  const path = await route;
  return path && path.replace(/\{[^}]+\}/, encodeURIComponent(documentId));
}

/** Send them. */
export function sendCorrections(url, corrections) {
  const body = JSON.stringify(corrections.body());
  return call(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
}
