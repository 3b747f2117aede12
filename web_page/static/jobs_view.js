// The second view: jobs of many documents, sent from here and remembered in this browser.

import { el } from "./dom.js";
import { count, t } from "./i18n.js";
import { FollowPlaces, JobCard } from "./job_card.js";
import { JobForm } from "./job_form.js";
import { forgetJob, rememberJob, rememberedJobs } from "./job_memory.js";

const FOLLOWED = 3;

export class JobsView {
  /** @param {Element} root */
  constructor(root) {
    this._root = root;
    this._places = new FollowPlaces(FOLLOWED);
    this._jobs = rememberedJobs();
    this._cards = new Map();
    this._isShown = false;
    this._form = new JobForm((job, files) => this._submitted(job, files));
    this._heading = el("div", { class: "intro" });
    this._listTitle = el("h2", { class: "jobs-title" });
    this._list = el("ul", { class: "jobs" });
    this._empty = el("p", { class: "absent" });
    this._root.replaceChildren(this._heading, this._form.element, this._listTitle, this._empty, this._list);
    this.render();
  }

  /** Put files on the form's list. */
  take(files) {
    this._form.add(files);
  }

  /** It has come into view: only from then on is the server asked. */
  shown() {
    if (this._isShown) return;
    this._isShown = true;
    for (const job of this._jobs) this._add(job);
  }

  /** Show everything in the language of the moment. */
  render() {
    this._heading.replaceChildren(el("h1", { text: t("jobs.title") }), el("p", { text: t("jobs.lead") }));
    this._listTitle.textContent = t("jobs.list");
    this._empty.textContent = t("jobs.none");
    this._form.render();
    for (const [id, card] of this._cards) {
      card.close();
      this._replace(id, card.kept);
    }
    this._empty.hidden = this._jobs.length > 0;
  }

  _submitted(job, files) {
    const [first] = files;
    const title =
      files.length === 1 ? first.name : t("jobs.title_of", { name: first.name, more: count(files.length - 1) });
    const remembered = { id: job.id, title, files: files.length, createdAt: job.created_at };
    rememberJob(remembered);
    this._jobs = [remembered, ...this._jobs.filter(({ id }) => id !== job.id)];
    this._cards.get(job.id)?.close();
    this._cards.get(job.id)?.element.remove();
    this._add(remembered, { state: job, isOpen: true }, true);
    this._empty.hidden = true;
  }

  _add(job, kept = {}, isFirst = false) {
    const card = new JobCard(job, this._places, () => this._forget(job.id), kept);
    this._cards.set(job.id, card);
    if (isFirst) this._list.prepend(card.element);
    else this._list.append(card.element);
  }

  _replace(id, kept) {
    const job = this._jobs.find((one) => one.id === id);
    const old = this._cards.get(id).element;
    const card = new JobCard(job, this._places, () => this._forget(id), kept);
    this._cards.set(id, card);
    old.replaceWith(card.element);
  }

  _forget(id) {
    forgetJob(id);
    this._jobs = this._jobs.filter((job) => job.id !== id);
    this._cards.get(id).close();
    this._cards.get(id).element.remove();
    this._cards.delete(id);
    this._empty.hidden = this._jobs.length > 0;
    this._listTitle.tabIndex = -1;
    this._listTitle.focus();
  }
}
