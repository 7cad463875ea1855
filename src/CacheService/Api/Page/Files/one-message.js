// One message, by its id, and its counts as they change.

import { count, moment } from './format.js';
import { nextFrame, setText } from './frame.js';
import { call } from './service.js';

const LIT = 700;
const LONGEST_ID = 9223372036854775807n;

/** Shows the message that the reader has chosen. */
export class OneMessage {
  #form = document.getElementById('message-form');
  #input = document.getElementById('message-id');
  #trouble = document.getElementById('message-trouble');
  #article = document.getElementById('message');
  #counts = {
    retweets: document.getElementById('message-retweets'), likes: document.getElementById('message-likes'), revision: document.getElementById('message-revision'),
  };

  #id = null;
  #countsOf;
  #chosen;

  /**
   * @param countsOf The counts of a message, by its id; undefined: there is none.
   * @param chosen Is called when another message is chosen, or none any more.
   */
  constructor(countsOf, chosen) {
    this.#countsOf = countsOf;
    this.#chosen = chosen;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.choose(this.#input.value.trim());
    });
    document.getElementById('message-stop').addEventListener('click', () => {
      this.#stop();
      this.#tell('');
      this.#input.focus();
    });
  }

  /** The message; null: none. */
  get id() {
    return this.#id;
  }

  /** Asks for a message, and watches it if there is one. */
  async choose(id) {
    this.#stop();
    if (!/^[0-9]+$/.test(id) || BigInt(id) < 1n || BigInt(id) > LONGEST_ID) {
      this.#tell('A message id is a whole number from 1.');
      return;
    }

    id = String(BigInt(id));
    this.#input.value = id;
    this.#id = id;
    this.#tell('');
    try {
      const message = await call(`v1/messages/${id}`);
      if (this.#id === id) this.#begin(message);
    } catch (error) {
      if (this.#id !== id) return;
      this.#stop();
      this.#tell(error.message);
    }
  }

  /** Shows its counts as they are now. */
  show = () => {
    if (this.#article.hidden) return;
    const counts = this.#countsOf(this.#id);
    this.#article.classList.toggle('gone', !counts);
    if (!counts) return;
    for (const [name, cell] of Object.entries(this.#counts)) {
      const text = count(counts[name]);
      if (cell.textContent === text) continue;
      const isFirst = cell.textContent === '';
      setText(cell, text);
      if (isFirst || name === 'revision') continue;
      cell.classList.add('lit');
      clearTimeout(cell.unlight);
      cell.unlight = setTimeout(() => cell.classList.remove('lit'), LIT);
    }
  };

  #begin(message) {
    document.getElementById('message-author').textContent = message.author;
    document.getElementById('message-posted').textContent = message.postedAt ? moment(message.postedAt) : '';
    document.getElementById('message-text').textContent = message.text;
    for (const cell of Object.values(this.#counts)) cell.textContent = '';
    this.#article.hidden = false;
    // Where the columns lie one below the other, whoever has chosen in the table does not see it.
    if (this.#article.getBoundingClientRect().top > innerHeight) this.#article.scrollIntoView({ block: 'nearest' });
    this.#chosen(this.#id);
    nextFrame(this.show);
  }

  #stop() {
    const had = this.#id !== null;
    this.#id = null;
    this.#article.hidden = true;
    if (had) this.#chosen(null);
  }

  #tell(trouble) {
    this.#trouble.textContent = trouble;
    this.#trouble.hidden = trouble === '';
  }
}
