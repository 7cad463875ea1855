// The state, the age, and what is wrong.

import { count, duration, many, seconds, sentence, share } from './format.js';
import { make, nextFrame, setText } from './frame.js';

const PREFIX = 'FEED_STATE_';
// A queue that is half full is on its way to failing commits.
const FULL_QUEUE = 0.5;

/** Shows how the service is, as far as the page knows it. */
export class Masthead {
  #head = document.getElementById('masthead');
  #state = document.getElementById('state');
  #age = document.getElementById('age');
  #problems = document.getElementById('problems');
  #enterKey = document.getElementById('key-enter');
  #failures = new Map();
  #freshness = null;
  #toldAt = 0;
  #status = null;
  #shown = '';

  constructor() {
    document.getElementById('place').textContent = location.host;
  }

  /** How old the counts are, in seconds, as of now; null: there are none. */
  get age() {
    const age = seconds(this.#freshness?.age);
    return age === null ? null : age + (performance.now() - this.#toldAt) / 1000;
  }

  /** The feed's state by its last name, such as LIVE; empty: nothing has been told. */
  get state() {
    return this.#freshness?.state.slice(PREFIX.length) ?? '';
  }

  /** The stream tells state and age. */
  tellFreshness(freshness) {
    this.#freshness = { state: freshness.state, age: freshness.age };
    this.#toldAt = performance.now();
    nextFrame(this.show);
  }

  /** The status tells more, and also where no stream does. */
  tellStatus(status) {
    this.#status = status;
    this.tellFreshness(status);
  }

  /** Something that goes on all the time failed, or works again (null). */
  tellFailure(what, error) {
    if (error) this.#failures.set(what, error);
    else if (!this.#failures.delete(what)) return;
    nextFrame(this.show);
  }

  /** Shows what has been told. */
  show = () => {
    const kinds = new Set([...this.#failures.values()].map((error) => error.kind));
    const own = kinds.has('key') ? ['key', 'KEY NEEDED'] : kinds.has('gone') ? ['gone', 'NO ANSWER'] : null;
    const [mark, name] = own ?? (this.state ? [this.state.toLowerCase(), this.state] : ['connecting', 'CONNECTING']);
    if (this.#head.dataset.state !== mark) this.#head.dataset.state = mark;
    setText(this.#state, name);
    const age = this.age;
    setText(this.#age, age === null || own?.[0] === 'key' ? '' : `at most ${duration(Math.max(age, 0.1))} old`);
    this.#enterKey.hidden = !kinds.has('key');
    const title = `${name} · ${location.host}`;
    if (document.title !== title) document.title = title;
    this.#showProblems();
  };

  // Only when they are others: a screen reader reads them out.
  #showProblems() {
    const problems = this.#find();
    const all = problems.join('\n');
    if (all === this.#shown) return;
    this.#shown = all;
    this.#problems.hidden = problems.length === 0;
    this.#problems.replaceChildren(...problems.map((problem) => make('p', '', problem)));
  }

  #find() {
    const failures = [...this.#failures.values()];
    const gravest = failures.find((error) => error.kind === 'key') ?? failures.find((error) => error.kind === 'gone');
    if (gravest) return [sentence(gravest.message)];
    const problems = failures.map((error) => inWords(error.message));
    const status = this.#status;
    if (!status) return [...new Set(problems)];

    const isLive = this.state === 'LIVE';
    if (!isLive && status.detail) problems.push(inWords(status.detail));
    if (isLive && !status.notificationsWorking && seconds(status.uptime) > 10) {
      problems.push('Notifications of writers do not arrive, as behind a pooler of connections: changes show later. Connect the service straight to the server.');
    }

    if (status.notificationQueueUsage >= FULL_QUEUE) {
      problems.push(`PostgreSQL's notification queue is ${share(status.notificationQueueUsage)} full. End the session that listens and does not read (pg_stat_activity).`);
    }

    if (Number(status.auditDifferences) > 0) {
      problems.push(`Audits found ${many(status.auditDifferences, 'message')} whose counts were not those of the database, and corrected them. Somebody works past the triggers.`);
    }

    return [...new Set(problems)];
  }
}

// The state stands beside it. So does the age, and a number of seconds that grows would be read out each time.
function inWords(detail) {
  return sentence(detail.replace(/^(starting|syncing|stale): /, '').replace(/ for [\d.]+ s$/, ''));
}

/** The facts of a status, as pairs of a name and a text. */
export function factsOf(status) {
  return [
    ['Messages', count(status.messages)],
    ['Revision', count(status.revision)],
    ['Epoch', status.epoch || 'none yet'],
    ['Snapshot', status.snapshot || 'none yet'],
    ['PostgreSQL', status.serverVersion || 'not reached yet'],
    ['Running for', duration(seconds(status.uptime))],
    ['Drains', count(status.drains)],
    ['Bells', count(status.bells)],
    ['Watchers', count(status.watchers)],
    ['Writers wake it', status.ringer ? 'yes' : 'no'],
    ['Notifications', status.notificationsWorking ? 'arrive' : 'do not arrive'],
    ['Notification queue', `${share(status.notificationQueueUsage)} full`],
    ['Written back', status.rollupAge ? `${duration(seconds(status.rollupAge))} ago` : 'no'],
    ...(status.rollupDetail ? [['Not written back', status.rollupDetail]] : []),
    ['Days with activity', status.dayTimeZone ? `${count(status.days)}, ${status.dayTimeZone}` : 'not told'],
    ['Audits', `${count(status.audits)}, ${many(status.auditDifferences, 'difference')}`],
  ];
}
