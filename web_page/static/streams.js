// Answers that come bit by bit: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)
// and lines of JSON. By `fetch`, since `EventSource` sends no key.

/** The lines of an answer, each as soon as it is whole; what the end cut off is left out. */
async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split(/\r\n|\n/);
      rest = parts.pop();
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The events of an answer: `{event, id, data}`. */
export async function* events(answer) {
  let event = { event: "message", id: null, data: [] };
  for await (const line of lines(answer)) {
    if (line === "") {
      if (event.data.length) yield { ...event, data: event.data.join("\n") };
      event = { event: "message", id: event.id, data: [] };
      continue;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === "data") event.data.push(value);
    else if (name === "event" || name === "id") event[name] = value;
  }
}

/** The objects of an answer of newline-delimited JSON; empty lines are signs of life. */
export async function* objects(answer) {
  for await (const line of lines(answer)) if (line !== "") yield JSON.parse(line);
}
