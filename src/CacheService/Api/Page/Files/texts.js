// Authors and texts of messages, asked for one by one as they are needed.

import { call } from './service.js';
import { pause } from './visible.js';

// Few at a time: a browser has six connections to a server, and the stream and the status need theirs.
const AT_ONCE = 3;
const KEPT = 2000;
const RETRY = 1000;

/** Keeps texts that were asked for, the latest of them. */
export class Texts {
  #known = new Map();
  #wanted = new Set();
  #asking = 0;
  #signal = AbortSignal.abort();
  #came;

  /** @param came Is called when texts have come. */
  constructor(came) {
    this.#came = came;
  }

  /** A message's author and text; null: not yet. */
  get(id) {
    const known = this.#known.get(id);
    if (known) return known;
    this.#wanted.add(id);
    this.#askMore();
    return null;
  }

  /** Asks for what is wanted, until the signal is aborted. */
  run(signal) {
    this.#signal = signal;
    this.#askMore();
  }

  #askMore() {
    while (this.#asking < AT_ONCE && this.#wanted.size > 0 && !this.#signal.aborted) this.#askNext();
  }

  async #askNext() {
    const [id] = this.#wanted;
    const signal = this.#signal;
    this.#wanted.delete(id);
    this.#asking++;
    try {
      const { author, text } = await call(`v1/messages/${id}`, { signal });
      this.#keep(id, { author, text });
    } catch (error) {
      // What is wrong the state says. Whoever needs the text asks again.
      if (!signal.aborted) await pause(Math.max(RETRY, (error.retryAfter ?? 0) * 1000), signal);
    }

    this.#asking--;
    this.#askMore();
  }

  #keep(id, text) {
    this.#known.set(id, text);
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value);
    this.#came();
  }
}
