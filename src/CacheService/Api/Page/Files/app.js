// The operator's page, put together.

import { Care } from './care.js';
import { Charts } from './charts.js';
import { duration, seconds } from './format.js';
import { make, nextFrame, setText } from './frame.js';
import { Jobs } from './jobs.js';
import { KeyDialog } from './key-dialog.js';
import { factsOf, Masthead } from './masthead.js';
import { OneMessage } from './one-message.js';
import { showFacts } from './rows.js';
import { call, CallError, key, send } from './service.js';
import { Texts } from './texts.js';
import { TopTable } from './top-table.js';
import { pause, WhileVisible } from './visible.js';
import { Watch } from './watch.js';

const SHOWN = 200;
// Which messages are the highest; their counts the stream tells.
const TOP_INTERVAL = 2000;
const STATUS_INTERVAL = 2000;
const HISTORY_INTERVAL = 5000;
const CACHES_INTERVAL = 5000;

const masthead = new Masthead();
const charts = new Charts();
const care = new Care(tellError);
const watch = new Watch(onTold, (error) => tellError(error, 'watch'));
const texts = new Texts(() => nextFrame(table.show));
const table = new TopTable(countsOf, texts, (id) => message.choose(id), askTopAtOnce);
const message = new OneMessage(countsOf, wantCounts);

// What the last list of the highest says, for as long as the stream does not.
let listed = new Map();
let topTag = '';
let toldState = '';

// Only where the service runs jobs.
const jobs = document.body.dataset.jobs === 'true' ? new Jobs(tellError, askJobsAtOnce) : null;

const work = new WhileVisible([
  (signal) => watch.run(signal),
  (signal) => texts.run(signal),
  (signal) => repeat('top', () => TOP_INTERVAL, askTop, signal),
  (signal) => repeat('status', () => STATUS_INTERVAL, askStatus, signal),
  (signal) => repeat('history', () => HISTORY_INTERVAL, askHistory, signal),
  (signal) => repeat('caches', () => CACHES_INTERVAL, askCaches, signal),
  ...(jobs ? [(signal) => repeat('jobs', () => jobs.interval, jobs.ask, signal)] : []),
]);
const keyDialog = new KeyDialog(() => {
  masthead.tellFailure('key', null);
  work.restart();
});

/** Does something again and again, until the signal is aborted. */
async function repeat(what, interval, step, signal) {
  while (!signal.aborted) {
    let least = 0;
    try {
      await step(signal);
      masthead.tellFailure(what, null);
    } catch (error) {
      if (signal.aborted) return;
      tellError(error, what);
      least = (error.retryAfter ?? 0) * 1000;
    }

    await pause(Math.max(interval(), least), signal);
  }
}

/** A call failed: asks for a key if it is for want of one; else says what goes on all the time and failed. */
function tellError(error, what) {
  if (!(error instanceof CallError)) console.error(error);
  if (error.kind === 'key') {
    // Else there is another key by now.
    if (error.usedKey !== key.get()) return;
    masthead.tellFailure('key', error);
    work.suspend();
    keyDialog.ask(error);
  } else if (what) {
    masthead.tellFailure(what, error);
  }
}

/** A message's counts; undefined: there is no such message, or nobody has told them yet. */
function countsOf(id) {
  const told = watch.countsOf(id);
  return told === null ? listed.get(id) : told;
}

function wantCounts() {
  watch.want(message.id === null ? listed.keys() : [...listed.keys(), message.id]);
}

function onTold(freshness, hasNews) {
  masthead.tellFailure('watch', null);
  masthead.tellFreshness(freshness);
  if (hasNews) {
    nextFrame(table.show);
    nextFrame(message.show);
  }

  if (freshness.state !== toldState) {
    toldState = freshness.state;
    // Why, only the status says.
    askStatus().catch((error) => tellError(error));
  }
}

async function askTop(signal) {
  const response = await send(`v1/top?order=${table.order}&limit=${SHOWN}`, { signal, headers: topTag ? { 'If-None-Match': topTag } : {} });
  if (response.status === 304) return;
  const { counts } = await response.json();
  topTag = response.headers.get('ETag') ?? '';
  listed = new Map(counts.map(({ messageId, retweets, likes, revision }) => [messageId, { retweets: Number(retweets), likes: Number(likes), revision }]));
  wantCounts();
  table.setMembers([...listed.keys()]);
}

function askTopAtOnce() {
  topTag = '';
  askTop().catch((error) => tellError(error, 'top'));
}

function askJobsAtOnce() {
  jobs.ask().catch((error) => tellError(error, 'jobs'));
}

async function askStatus(signal) {
  const status = await call('v1/status', { signal });
  masthead.tellStatus(status);
  care.tellStatus(status);
  showFacts(document.getElementById('facts'), factsOf(status));
}

async function askHistory(signal) {
  const span = charts.missing;
  const { samples } = await call(span === null ? 'v1/history' : `v1/history?span=${span.toFixed(1)}s`, { signal });
  charts.add(samples);
}

const followed = (cache) => (cache.age ? `the publisher, ${duration(seconds(cache.age))} old` : 'the publisher');

async function askCaches(signal) {
  // The database is asked for them: not before it is known to answer.
  if (!masthead.state) await askStatus(signal);
  const isLive = masthead.state === 'LIVE';
  setText(document.getElementById('caches-note'), isLive ? '' : 'Asked for while the counts are LIVE');
  if (!isLive) return;
  const { caches } = await call('v1/caches', { signal });
  document.getElementById('caches').replaceChildren(...caches.map((cache) => {
    const row = make('tr');
    const name = make('td', 'name', cache.name);
    if (cache.self) name.append(' ', make('span', 'self', 'this one'));
    row.append(
      name,
      make('td', '', cache.loaded ? 'loaded' : 'loading'),
      make('td', '', `${duration(seconds(cache.heard))} ago`),
      make('td', '', cache.follows ? followed(cache) : cache.publishes ? 'the database; publishes' : 'the database'),
    );
    return row;
  }));
}
