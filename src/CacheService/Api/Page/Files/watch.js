// One stream for all counts that the page shows: the table's and the chosen message's.

import { eventsOf } from './events.js';
import { CallError, send } from './service.js';
import { pause } from './visible.js';

const RETRY = 1000;
// A right comes only with another key, or with another setting of the service.
const RETRY_WITHOUT_RIGHT = 30000;
const SILENCE = 10000;
// Messages that are not shown any more stay in the stream, until there are so many: a new stream tells all counts anew.
const LEFT_OVER = 100;

/** Watches messages, and knows their counts. It comes back by itself, and goes on where it was. */
export class Watch {
  #ids = new Set();
  #wanted = new Set();
  #lastId = '';
  #stream = null;
  #told;
  #failed;

  #counts = new Map();

  // Whether the stream has told all that there is.
  #isSynced = false;

  /**
   * @param told Is called after each event, with its freshness, and whether it told of counts.
   * @param failed Is called with the error when the stream breaks.
   */
  constructor(told, failed) {
    this.#told = told;
    this.#failed = failed;
  }

  /** A message's counts; undefined: there is no such message; null: the stream does not say. */
  countsOf(id) {
    return this.#counts.get(id) ?? (this.#isSynced && this.#ids.has(id) ? undefined : null);
  }

  /** Says which messages are to be watched. */
  want(ids) {
    this.#wanted = new Set(ids);
    const isCovered = [...this.#wanted].every((id) => this.#ids.has(id));
    if (isCovered && this.#ids.size <= this.#wanted.size + LEFT_OVER) return;
    this.#ids = new Set(this.#wanted);
    // What an earlier stream has told is not all of what this one is about. But nothing is to be older than that: see docs/http.md.
    const [epoch, revision, seen = revision] = this.#lastId.split(':');
    this.#lastId = epoch && `${epoch}:0:${seen}`;
    this.#isSynced = false;
    this.#stream?.abort();
  }

  /** Watches until the signal is aborted. */
  async run(signal) {
    while (!signal.aborted) {
      if (this.#ids.size === 0) {
        await pause(RETRY / 10, signal);
        continue;
      }

      const stream = new AbortController();
      this.#stream = stream;
      try {
        await this.#follow(AbortSignal.any([signal, stream.signal]));
        await pause(RETRY, signal);
      } catch (error) {
        // Ended on purpose: for other messages, or because nobody looks.
        if (signal.aborted || stream.signal.aborted) continue;
        this.#failed(error instanceof CallError ? error : new CallError('gone', `The stream of counts from ${location.host} broke off. This page goes on trying.`));
        await pause(error.kind === 'right' ? RETRY_WITHOUT_RIGHT : Math.max(RETRY, (error.retryAfter ?? 0) * 1000), signal);
      } finally {
        // Else it would stay open behind an error.
        stream.abort();
      }
    }
  }

  async #follow(signal) {
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const query = `ids=${[...this.#ids].join(',')}&min_interval=${calm ? 2 : 0.5}s&heartbeat=1s`;
    const headers = { Accept: 'text/event-stream', ...(this.#lastId && { 'Last-Event-ID': this.#lastId }) };
    const response = await send(`v1/counts/watch?${query}`, { headers, signal });
    for await (const { data, id } of eventsOf(response, SILENCE)) {
      if (signal.aborted) return;
      if (data) this.#take(JSON.parse(data));
      if (id !== undefined) this.#lastId = id;
    }
  }

  #take(told) {
    if (told.reset) {
      this.#counts.clear();
      this.#isSynced = false;
    }

    for (const { messageId, retweets, likes, revision } of told.counts) {
      this.#counts.set(messageId, { retweets: Number(retweets), likes: Number(likes), revision });
    }

    for (const id of told.removedMessageIds) this.#counts.delete(id);
    this.#isSynced ||= told.synced;
    this.#told(told.freshness, told.reset || told.counts.length > 0 || told.removedMessageIds.length > 0);
  }
}
