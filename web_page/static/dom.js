// Making elements. Text goes in as text nodes alone: a name such as `<img onerror=…>` is shown, never parsed.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element.
 *
 * @param {string} tag
 * @param {Object} properties attributes; `class`, `text`, `on` (listeners by event), `data` (dataset). A value of
 *   false, null or undefined leaves the attribute out, true sets it without a value.
 * @param {...(Node|string|null|undefined|false)} children
 */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for drawings. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") for (const [key, of] of Object.entries(value)) element.dataset[key] = of;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** A button that submits nothing. */
export function button(text, onClick, properties = {}) {
  return el("button", { type: "button", on: { click: onClick }, ...properties }, text);
}

const ICONS = {
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.5",
  check: "M5 12.5l5 5L19 7",
  cross: "M6 6l12 12M18 6L6 18",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M12 7.5V12l3 2",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
};

/** A line drawing that says nothing by itself: its meaning stands beside it or in the button's label. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** Text for screen readers alone. */
export function unseen(text) {
  return el("span", { class: "unseen", text });
}

/** Tell a screen reader what has happened. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}

/**
 * One stop for the Tab key in a list: the arrow keys go through it.
 *
 * @param {Element} list
 * @param {string} selector of what may have the focus in it
 * @param {string[]} keys that go back and on
 */
export function roving(list, selector, [back, on]) {
  const stops = () => [...list.querySelectorAll(selector)];
  stops().forEach((stop, at) => (stop.tabIndex = at === 0 ? 0 : -1));
  const give = (stop) => {
    stops().forEach((other) => (other.tabIndex = other === stop ? 0 : -1));
    stop.focus();
  };
  list.addEventListener("keydown", (event) => {
    const all = stops();
    const at = all.indexOf(event.target.closest(selector));
    const to = { [back]: at - 1, [on]: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || !all[to]) return;
    event.preventDefault();
    give(all[to]);
  });
  return give;
}

/** Keep what the user downloads out of the address bar: a file of our own making. */
export function save(blob, fileName) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
