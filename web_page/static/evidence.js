// What was read and where it stands: one list that the page's boxes, the fields and the lines are all linked by.

const LOW = 0.8;

/**
 * Whether a value wants a second look. The line is the page's own: it is where the API puts what it knows to be
 * doubtful however well it was read, such as 03/04/2026 (docs/api.md).
 */
export function isLow(confidence) {
  return typeof confidence === "number" && confidence <= LOW;
}

/** Everything in a result that has a place: `{id, kind, page, quad, text, confidence, key}`. */
export function evidenceOf(result) {
  const found = [];
  for (const [name, answer] of Object.entries(result.fields ?? {})) {
    const entries = Array.isArray(answer) ? answer : answer ? [answer] : [];
    entries.forEach((entry, at) => {
      const id = fieldId(name, Array.isArray(answer) ? at : null);
      found.push({ id, kind: "field", key: name, at, ...placed(entry) });
    });
  }
  for (const page of result.pages) {
    (page.lines ?? []).forEach((line, at) => {
      found.push({ id: lineId(page.number, at), kind: "line", key: null, at, ...placed(line), page: page.number });
    });
  }
  return found;
}

function placed({ page, quad, text, confidence }) {
  return { page, quad, text, confidence };
}

/** The id of a field, or of an entry of one that is a list. */
export function fieldId(name, at = null) {
  return at === null ? `field:${name}` : `field:${name}:${at}`;
}

/** The id of a line of text. */
export function lineId(page, at) {
  return `line:${page}:${at}`;
}

/**
 * Lights up everything that stands for the same evidence, wherever it is on the page. Elements take part by
 * `data-evidence` and by being inside of something that is watched.
 */
export class Links {
  /** @param {function(string, Element): void} onChoose called with an id that was clicked, and where */
  constructor(onChoose) {
    this._onChoose = onChoose;
    this._watched = [];
    this._chosen = null;
  }

  /** Take part with all that is, or ever will be, inside of an element. */
  watch(element) {
    this._watched.push(element);
    const idAt = (event) => event.target.closest("[data-evidence]")?.dataset.evidence ?? null;
    const light = (event) => this.light(idAt(event));
    const dim = () => this.light(null);
    element.addEventListener("pointerover", light);
    element.addEventListener("pointerleave", dim);
    element.addEventListener("focusin", light);
    element.addEventListener("focusout", dim);
    element.addEventListener("click", (event) => {
      const at = event.target.closest("[data-choose]");
      if (at) this._onChoose(at.closest("[data-evidence]").dataset.evidence, element);
    });
    element.addEventListener("keydown", (event) => {
      // Drawings are no buttons by themselves.
      if (!(event.target instanceof SVGElement) || !["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      this._onChoose(idAt(event), element);
    });
  }

  /** Light one up; null lights none. */
  light(id) {
    this._mark("lit", id);
  }

  /** Mark one until another is chosen. */
  choose(id) {
    this._chosen = id;
    this._mark("chosen", id);
  }

  /** Mark again what was chosen: its elements have been made anew. */
  renew() {
    this._mark("chosen", this._chosen);
  }

  _mark(name, id) {
    for (const watched of this._watched) {
      for (const element of watched.querySelectorAll(`.${name}`)) element.classList.remove(name);
      if (id === null) continue;
      for (const element of watched.querySelectorAll("[data-evidence]")) {
        if (element.dataset.evidence === id) element.classList.add(name);
      }
    }
  }
}
