// The live table of the highest counts.

import { count } from './format.js';
import { make, nextFrame, setText } from './frame.js';
import { roam } from './rows.js';

// How long a count stays lit after its change.
const LIT = 700;
// How often rows are brought up to date that are scrolled out of sight.
const UNSEEN_INTERVAL = 2000;

/**
 * Shows messages in order of their counts. The counts change as they are told, the order only with each list of messages: rows that jump with every change nobody can read.
 * While the pointer or the focus is on the table, they keep their places.
 */
export class TopTable {
  #table = document.getElementById('top');
  #body = this.#table.tBodies[0];
  #keepOneReachable = roam(this.#body);
  #note = document.getElementById('top-note');
  #empty = document.getElementById('top-empty');
  // By place. What a row shows changes, and not the row: to move rows about would cost a table of two hundred much more.
  #rows = [];
  // What is shown of each message, and until when its counts are lit.
  #shown = new Map();
  #order = 'total';
  #isPointedAt = false;
  #hasFocus = false;
  #members = null;
  #isOrderDue = false;
  #countsOf;
  #texts;
  #choose;
  #sight;
  #unseenDueAt = 0;
  #digits = 0;
  #timer = 0;

  /**
   * @param countsOf The counts of a message, by its id; undefined: none.
   * @param texts Authors and texts of messages.
   * @param choose Is called with the id of the message that the reader chooses.
   * @param reorder Is called when the reader wants another order.
   */
  constructor(countsOf, texts, choose, reorder) {
    this.#countsOf = countsOf;
    this.#texts = texts;
    this.#choose = choose;
    const scroll = document.getElementById('top-scroll');
    this.#sight = new IntersectionObserver((changes) => this.#onSight(changes), { root: scroll, rootMargin: '100px' });
    scroll.addEventListener('pointerenter', () => this.#hold(true, this.#hasFocus));
    scroll.addEventListener('pointerleave', () => this.#hold(false, this.#hasFocus));
    this.#body.addEventListener('focusin', () => this.#hold(this.#isPointedAt, true));
    this.#body.addEventListener('focusout', () => this.#hold(this.#isPointedAt, false));
    this.#body.addEventListener('click', (event) => this.#onClick(event));
    for (const button of this.#table.querySelectorAll('button[data-order]')) {
      button.addEventListener('click', () => {
        this.#order = button.dataset.order;
        for (const head of this.#table.querySelectorAll('th.count')) head.ariaSort = head.contains(button) ? 'descending' : null;
        reorder();
        this.#placeSoon();
      });
    }
  }

  /** How the messages are ordered. */
  get order() {
    return this.#order;
  }

  /** The messages that the table is to show, in any order; its own order is that of their counts. */
  setMembers(ids) {
    this.#members = ids;
    this.#placeSoon();
  }

  /** Shows what there is to show now. */
  show = (now = performance.now()) => {
    if (!this.#members) return;
    const isPlaced = this.#isOrderDue && !this.#isHeld;
    if (isPlaced) this.#place();
    const isUnseenDue = isPlaced || now >= this.#unseenDueAt;
    if (isUnseenDue) this.#unseenDueAt = now + UNSEEN_INTERVAL;
    let next = Infinity;
    for (const row of this.#rows) {
      if (isUnseenDue || row.isSeen) this.#fill(row, now);
      else next = Math.min(next, this.#unseenDueAt);
      if (row.litUntil > now) next = Math.min(next, row.litUntil);
    }

    this.#empty.hidden = this.#rows.length > 0;
    setText(this.#note, this.#noteText());
    // A timer and not frames: nothing moves until then.
    clearTimeout(this.#timer);
    if (next < Infinity) this.#timer = setTimeout(() => nextFrame(this.show), Math.max(0, next - now));
  };

  get #isHeld() {
    return (this.#isPointedAt || this.#hasFocus) && this.#rows.length > 0;
  }

  #noteText() {
    return this.#isHeld ? 'Order held while you are on the table' : `${count(this.#rows.length)} shown, by ${this.#order}`;
  }

  #hold(isPointedAt, hasFocus) {
    this.#isPointedAt = isPointedAt;
    this.#hasFocus = hasFocus;
    this.#placeSoon();
  }

  #placeSoon() {
    this.#isOrderDue = true;
    nextFrame(this.show);
  }

  #valueOf({ retweets, likes }) {
    return this.#order === 'retweets' ? retweets : this.#order === 'likes' ? likes : retweets + likes;
  }

  #place() {
    this.#isOrderDue = false;
    const ranked = this.#members.filter(this.#countsOf).map((id) => ({ id, value: this.#valueOf(this.#countsOf(id)) }));
    // Equal counts by id, as the service has them. Ids are numbers of up to 19 digits.
    ranked.sort((one, other) => other.value - one.value || one.id.length - other.id.length || (one.id < other.id ? -1 : 1));
    while (this.#rows.length < ranked.length) this.#add();
    while (this.#rows.length > ranked.length) this.#remove();
    ranked.forEach(({ id }, place) => this.#bind(this.#rows[place], id));
    const kept = new Set(this.#members);
    for (const id of this.#shown.keys()) {
      if (!kept.has(id)) this.#shown.delete(id);
    }

    this.#keepOneReachable();
  }

  #onSight(changes) {
    for (const { target, isIntersecting } of changes) {
      const row = this.#rows[target.sectionRowIndex];
      if (row?.element === target) row.isSeen = isIntersecting;
    }

    nextFrame(this.show);
  }

  #add() {
    const element = make('tr');
    const text = make('td', 'text');
    const button = make('button', 'row');
    button.type = 'button';
    button.tabIndex = -1;
    const author = make('span', 'author');
    const said = make('span', 'said');
    said.dir = 'auto';
    button.append(author, ' ', said);
    text.append(button);
    const cells = [make('td', 'count'), make('td', 'count'), make('td', 'count total')];
    element.append(make('td', 'rank', String(this.#rows.length + 1)), text, ...cells);
    this.#rows.push({ id: null, element, author, said, cells, hasText: false, isSeen: true, litUntil: 0 });
    this.#body.append(element);
    this.#sight.observe(element);
  }

  #remove() {
    const { element } = this.#rows.pop();
    this.#sight.unobserve(element);
    element.remove();
  }

  #bind(row, id) {
    if (row.id === id) return;
    row.id = id;
    row.element.dataset.id = id;
    row.hasText = false;
  }

  #fill(row, now) {
    const counts = this.#countsOf(row.id);
    row.element.classList.toggle('gone', !counts);
    if (counts) this.#fillCounts(row, [counts.retweets, counts.likes, counts.retweets + counts.likes], now);
    if (!row.hasText) {
      const text = this.#texts.get(row.id);
      row.hasText = text !== null;
      setText(row.author, text?.author ?? `Message ${row.id}`);
      setText(row.said, text?.text ?? '');
    }
  }

  #fillCounts(row, values, now) {
    const shown = this.#shown.get(row.id);
    // What has come is no change, and what nobody sees need not light up.
    const lit = values.map((value, i) => (shown && shown.values[i] !== value && row.isSeen ? now + LIT : shown?.lit[i] ?? 0));
    this.#shown.set(row.id, { values, lit });
    row.litUntil = Math.max(...lit);
    row.cells.forEach((cell, i) => {
      const text = count(values[i]);
      setText(cell, text);
      this.#makeRoomFor(text.length);
      if (cell.classList.contains('lit') !== lit[i] > now) cell.classList.toggle('lit');
    });
  }

  // A number that is cut off would be another one.
  #makeRoomFor(digits) {
    if (digits <= this.#digits) return;
    this.#digits = digits;
    this.#table.style.setProperty('--digits', digits);
  }

  #onClick(event) {
    const row = event.target.closest('tr');
    if (row) this.#choose(row.dataset.id);
  }
}
