// Two languages: the words, the switch, and how numbers are written.

import { words as en } from "./words_en.js";
import { words as ja } from "./words_ja.js";

const WORDS = { en, ja };
const NAMES = { en: "English", ja: "日本語" };
const STORED_AS = "yomitori.language";
const listeners = [];

let language = stored() ?? (navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en");

function stored() {
  try {
    const kept = localStorage.getItem(STORED_AS);
    return kept in WORDS ? kept : null;
  } catch {
    return null; // storage is switched off
  }
}

/** The sentence for a key, with `{names}` filled in. A key without one is shown as it is: it is a field's own name. */
export function t(key, values = {}) {
  const sentence = WORDS[language][key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}

/** Whether there is a sentence for a key. */
export function has(key) {
  return key in WORDS[language];
}

/** Called whenever the language changes. */
export function onLanguage(listener) {
  listeners.push(listener);
}

/** The language that the switch would change to: its code and its own name. */
export function otherLanguage() {
  const code = language === "ja" ? "en" : "ja";
  return { code, name: NAMES[code] };
}

/** Change it, and remember. */
export function switchLanguage() {
  language = otherLanguage().code;
  try {
    localStorage.setItem(STORED_AS, language);
  } catch {
    // It holds until the page is closed.
  }
  applyLanguage();
}

/** Put the words into what stands in index.html. */
export function applyLanguage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
  for (const listener of listeners) listener();
}

/** 12,345. */
export function count(value) {
  return new Intl.NumberFormat(language).format(value);
}

/** Rounded down: what is not sure is not shown as 100 %. */
export function percent(share) {
  return `${Math.floor(share * 100 + 1e-9)} %`;
}

/** An amount as the API gives it: an integer of yen, or a decimal string, which keeps every digit. */
export function money(value, currency) {
  const grouped = String(value).replace(/^(-?\d+)/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ","));
  if (currency === "JPY") return grouped.startsWith("-") ? `-¥${grouped.slice(1)}` : `¥${grouped}`;
  return currency ? `${grouped} ${currency}` : grouped;
}

/** 2.4 MB. */
export function bytes(size) {
  if (size < 1_000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1_000).toFixed(0)} kB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

/** 310 ms, 1.4 s. */
export function duration(ms) {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** A moment, as this browser writes it. */
export function moment(iso) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}
