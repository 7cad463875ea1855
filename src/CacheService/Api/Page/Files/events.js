// Server-sent events out of the body of a response: EventSource can send no key.

/** Takes apart what comes in pieces; a piece may end anywhere. */
export class EventParser {
  #rest = '';
  #data = [];
  #id;

  /**
   * The events that are complete with this piece.
   * @returns {{data: string, id: (string|undefined)}[]} An id is that of the event, empty where the stream has taken it back, undefined where it says nothing of it. Data is empty
   * where an id came alone, with a comment.
   */
  push(piece) {
    const events = [];
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) this.#read(line.endsWith('\r') ? line.slice(0, -1) : line, events);
    return events;
  }

  #read(line, events) {
    if (line === '') {
      if (this.#data.length > 0 || this.#id !== undefined) events.push({ data: this.#data.join('\n'), id: this.#id });
      this.#data = [];
      this.#id = undefined;
      return;
    }

    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    if (name === 'id') this.#id = value;
  }
}

/**
 * The events of a response, until it ends.
 * @param silence How many milliseconds nothing may come: longer, and the other end is taken for gone.
 */
export async function* eventsOf(response, silence) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  try {
    while (true) {
      const { done, value } = await within(silence, reader.read());
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    // What is wrong with the stream has been told by read.
    reader.cancel().catch(() => {});
  }
}

function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
