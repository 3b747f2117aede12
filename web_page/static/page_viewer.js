// The page as it was read: its image, a box around each piece of evidence, paging and zoom.

import { button, el, icon, svg } from "./dom.js";
import { isLow } from "./evidence.js";
import { fieldLabel } from "./field_kinds.js";
import { count, percent, t } from "./i18n.js";

const ZOOMS = [0.5, 0.75, 1, 1.5, 2, 3, 4]; // of the width that there is
const LAYERS = ["fields", "lines", "none"];

export class PageViewer {
  /**
   * @param {Reading} reading
   * @param {Object[]} evidence
   * @param {Links} links
   */
  constructor(reading, evidence, links) {
    this._reading = reading;
    this._evidence = evidence;
    this._links = links;
    this._at = 0;
    this._zoom = 1;
    this._layer = "fields";
    this.element = el("section", { class: "viewer", "aria-label": t("viewer.label") });
    this._position = el("span", { class: "viewer-position", "aria-live": "polite" });
    this._zoomed = el("span", { class: "viewer-zoom" });
    this._scroll = el("div", { class: "viewer-scroll", tabindex: "0", role: "group" });
    this._scroll.addEventListener("keydown", (event) => this._key(event));
    this.element.append(this._bar(), this._scroll, el("p", { class: "hint viewer-keys", text: t("viewer.keys") }));
    links.watch(this._scroll);
    this._show();
  }

  get _pages() {
    return this._reading.result.pages;
  }

  /** Bring a piece of evidence into view, on whatever page it is. */
  go(id) {
    const wanted = this._evidence.find((one) => one.id === id);
    const at = this._pages.findIndex((page) => page.number === wanted?.page);
    if (at < 0) return;
    const layer = wanted.kind === "line" ? "lines" : "fields";
    if (at !== this._at || layer !== this._layer) {
      this._at = at;
      this._layer = layer;
      this._layers.value = layer;
      this._show();
    }
    const box = this._scroll.querySelector(`[data-evidence="${CSS.escape(id)}"]`);
    if (!box) return;
    const [of, within] = [box.getBoundingClientRect(), this._scroll.getBoundingClientRect()];
    const smooth = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this._scroll.scrollBy({
      left: of.left + of.width / 2 - within.left - within.width / 2,
      top: of.top + of.height / 2 - within.top - within.height / 2,
      behavior: smooth,
    });
    // Where page and fields lie one below the other, the page itself may be out of sight.
    const middle = within.top + within.height / 2;
    if (middle < 0 || middle > innerHeight) this.element.scrollIntoView({ block: "start", behavior: smooth });
  }

  _bar() {
    this._back = button(icon("left"), () => this._turn(-1), { "aria-label": t("viewer.back"), class: "square" });
    this._on = button(icon("right"), () => this._turn(1), { "aria-label": t("viewer.on"), class: "square" });
    this._layers = el(
      "select",
      { "aria-label": t("viewer.boxes"), on: { change: () => this._choose(this._layers.value) } },
      LAYERS.map((layer) => el("option", { value: layer, text: t(`viewer.boxes.${layer}`) })),
    );
    return el(
      "div",
      { class: "viewer-bar", role: "toolbar", "aria-label": t("viewer.tools") },
      el("div", { class: "group" }, this._back, this._position, this._on),
      el(
        "div",
        { class: "group" },
        button(icon("minus"), () => this._rezoom(-1), { "aria-label": t("viewer.smaller"), class: "square" }),
        this._zoomed,
        button(icon("plus"), () => this._rezoom(1), { "aria-label": t("viewer.larger"), class: "square" }),
        button(icon("fit"), () => this._rezoom(0), { "aria-label": t("viewer.fit"), class: "square" }),
      ),
      this._layers,
    );
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const wide = this._scroll.scrollWidth > this._scroll.clientWidth;
    const act = {
      PageDown: () => this._turn(1),
      PageUp: () => this._turn(-1),
      // On a page that is wider than its frame they move the page.
      ArrowRight: wide ? null : () => this._turn(1),
      ArrowLeft: wide ? null : () => this._turn(-1),
      "+": () => this._rezoom(1),
      "-": () => this._rezoom(-1),
      0: () => this._rezoom(0),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  _turn(by) {
    const to = this._at + by;
    if (to < 0 || to >= this._pages.length) return;
    this._at = to;
    this._show();
    this._scroll.scrollTo({ top: 0, left: 0 });
  }

  _rezoom(by) {
    const nearest = ZOOMS.indexOf(this._zoom);
    this._zoom = by === 0 ? 1 : ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, nearest + by))];
    const [x, y] = middleOf(this._scroll);
    this._size();
    this._scroll.scrollTo({
      left: x * this._scroll.scrollWidth - this._scroll.clientWidth / 2,
      top: y * this._scroll.scrollHeight - this._scroll.clientHeight / 2,
    });
  }

  _choose(layer) {
    this._layer = layer;
    this._show();
  }

  _size() {
    this._zoomed.textContent = percent(this._zoom);
    this._scroll.firstElementChild?.style.setProperty("width", `${this._zoom * 100}%`);
  }

  _show() {
    const page = this._pages[this._at];
    const place = { number: page.number, total: this._reading.result.document.page_count };
    this._position.textContent = t("viewer.position", { number: count(place.number), total: count(place.total) });
    this._back.disabled = this._at === 0;
    this._on.disabled = this._at === this._pages.length - 1;
    this._scroll.setAttribute("aria-label", t("viewer.page", place));
    const address = this._reading.imageOf(page.number);
    this._scroll.replaceChildren(
      el(
        "div",
        { class: "page" },
        address
          ? el("img", { src: address, alt: t("viewer.alt", place), width: page.width_px, height: page.height_px })
          : null,
        page.error ? unread(page) : this._overlay(page),
      ),
    );
    this._size();
    this._links.renew();
  }

  _overlay(page) {
    const wanted = this._evidence.filter(
      (one) => one.page === page.number && this._layer === `${one.kind}s` && one.quad,
    );
    return svg(
      "svg",
      {
        class: "boxes",
        viewBox: `0 0 ${page.width_px} ${page.height_px}`,
        role: "group",
        "aria-label": t("viewer.boxes"),
      },
      wanted.map(boxOf),
    );
  }
}

function boxOf(one) {
  const isField = one.kind === "field";
  const told = isField ? `${fieldLabel(one.key)}: ${one.text}` : one.text;
  return svg(
    "g",
    {
      class: `box box-${one.kind}${isLow(one.confidence) ? " low" : ""}`,
      data: { evidence: one.id, choose: "" },
      // Of fields there are a dozen, of lines a hundred: these are walked through in the list beside the page.
      ...(isField ? { tabindex: "0", role: "button", "aria-label": told } : {}),
    },
    svg("title", { text: told }),
    svg("polygon", { points: one.quad.map(([x, y]) => `${x},${y}`).join(" ") }),
  );
}

function unread(page) {
  return el(
    "div",
    { class: "page-error", role: "note" },
    icon("warn"),
    el("strong", { text: t("viewer.unread", { number: page.number }) }),
    el("span", { text: page.error.detail }),
    el("code", { text: page.error.code }),
  );
}

/** Where the middle of what is seen lies, as shares of the whole. */
function middleOf(scroll) {
  return [
    (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth,
    (scroll.scrollTop + scroll.clientHeight / 2) / scroll.scrollHeight,
  ];
}
