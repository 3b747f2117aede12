// What kinds of field there are: how each is called, shown, and read back from what somebody typed.

import { has, money, t } from "./i18n.js";

const KINDS = {
  issuer_name: "text",
  registration_number: "text",
  phone: "text",
  recipient_name: "text",
  document_number: "text",
  document_date: "date",
  due_date: "date",
  total_amount: "money",
  subtotal: "money",
  tax_amount: "money",
  bank_accounts: "accounts",
  line_items: "items",
};

const GROUPS = [
  ["parties", ["issuer_name", "registration_number", "phone", "recipient_name"]],
  ["document", ["document_number", "document_date", "due_date"]],
  ["amounts", ["total_amount", "subtotal", "tax_amount"]],
];

/** The members of an account and of an item, with the kind of each. */
export const MEMBERS = {
  accounts: { bank: "text", branch: "text", type: "account_type", number: "text", holder: "text" },
  items: {
    description: "text",
    quantity: "number",
    unit: "text",
    unit_price: "money",
    amount: "money",
    tax_rate_percent: "number",
  },
};

export const ACCOUNT_TYPES = ["ordinary", "checking", "savings", "iban"];

/** A field's name for people; a schema's own field is called as its author called it. */
export function fieldLabel(name) {
  return has(`field.${name}`) ? t(`field.${name}`) : name;
}

/** What kind a field is, by its name or, in a schema of somebody's own, by what it holds. */
export function kindOf(name, answer) {
  if (name in KINDS) return KINDS[name];
  if (Array.isArray(answer)) return answer.some((entry) => "description" in entry) ? "items" : "accounts";
  if (answer && "currency" in answer) return "money";
  return answer && /^\d{4}-\d\d-\d\d$/.test(answer.value) ? "date" : "text";
}

/** The fields of a result in the order in which they are shown: `[group, [name…]]`; lists stand for themselves. */
export function grouped(fields) {
  const left = new Set(Object.keys(fields));
  const groups = GROUPS.map(([group, names]) => [group, names.filter((name) => left.delete(name))]);
  const lists = [...left].filter((name) => ["accounts", "items"].includes(kindOf(name, fields[name])));
  lists.forEach((name) => left.delete(name));
  groups.push(["others", [...left]]);
  return { groups: groups.filter(([, names]) => names.length), lists };
}

/** A value as it is shown; an empty text for none. */
export function shown(value, kind, currency) {
  if (value === null || value === undefined) return "";
  if (kind === "money") return money(value, currency);
  if (kind === "account_type") return t(`account.${value}`);
  return String(value);
}

/**
 * What somebody typed, as the API would give it.
 *
 * @returns {{value: (string|number|null)}|{wrong: string}}
 */
export function parse(untrustedText, kind, currency) {
  const text = untrustedText.trim();
  if (text === "") return { value: null };
  if (kind === "money" || kind === "number") {
    const plain = text
      .normalize("NFKC")
      .replace(/[¥円,\s]/g, "")
      .replace(/^[△▲−]/, "-");
    if (!/^-?\d+(\.\d+)?$/.test(plain)) return { wrong: t("edit.wrong.number") };
    // Whole yen and whole counts are integers; all else is a decimal string, which keeps every digit.
    const isWhole = /^-?\d+$/.test(plain) && Number.isSafeInteger(Number(plain));
    return { value: isWhole && (kind === "number" || currency === "JPY" || !currency) ? Number(plain) : plain };
  }
  if (kind === "date" && !/^\d{4}-\d\d-\d\d$/.test(text)) return { wrong: t("edit.wrong.date") };
  return { value: text };
}
