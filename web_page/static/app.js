// The page: two views under one head, the language, the key.

import { announce } from "./dom.js";
import { applyLanguage, onLanguage, otherLanguage, switchLanguage, t } from "./i18n.js";
import { takeDropsAndPastes } from "./intake.js";
import { JobsView } from "./jobs_view.js";
import { apiKey, askForKey } from "./keys.js";
import { ReadView } from "./read_view.js";

const main = document.getElementById("main");
const languageButton = document.getElementById("language-button");
const keyButton = document.getElementById("key-button");
const roots = { read: document.getElementById("view-read"), jobs: document.getElementById("view-jobs") };

const views = {
  read: new ReadView(roots.read, (files) => {
    location.hash = "jobs";
    views.jobs.take(files);
  }),
  jobs: new JobsView(roots.jobs),
};

function current() {
  return location.hash === "#jobs" ? "jobs" : "read";
}

function route() {
  const name = current();
  for (const [of, root] of Object.entries(roots)) root.hidden = of !== name;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  views[name].shown?.();
  title();
}

function title() {
  document.title = `${t(`nav.${current()}`)} – Yomitori`;
}

onLanguage(() => {
  const { code, name } = otherLanguage();
  languageButton.textContent = name;
  languageButton.lang = code;
  showKey();
  title();
  for (const view of Object.values(views)) view.render();
});

function showKey() {
  keyButton.textContent = t(apiKey() ? "key.button.set" : "key.button");
}

languageButton.addEventListener("click", switchLanguage);
keyButton.addEventListener("click", () => askForKey());
document.addEventListener("keychange", showKey);
addEventListener("hashchange", () => {
  route();
  announce(t(`nav.${current()}`));
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address tells the view
  main.focus();
});
takeDropsAndPastes((files) => views[current()].take(files));
applyLanguage();
route();
