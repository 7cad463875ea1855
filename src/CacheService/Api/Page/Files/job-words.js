// Words for jobs and runs.

import { count, duration } from './format.js';
import { make, setText } from './frame.js';

const RUN_STATE = 'JOB_RUN_STATE_';
const ITEM_STATE = 'JOB_ITEM_STATE_';
const MISFIRE = 'MISFIRE_RULE_';

/** How a run is, such as succeeded. */
export const stateOf = (run) => run.state.slice(RUN_STATE.length).toLowerCase();

/** What became of an item, such as failed. */
export const itemStateOf = (item) => item.state.slice(ITEM_STATE.length).toLowerCase();

/** What becomes of missed slots, such as latest. */
export const misfireOf = (job) => job.misfire.slice(MISFIRE.length).toLowerCase();

/** The rule by its full name. */
export const misfireNamed = (name) => MISFIRE + name.toUpperCase();

export const isRunning = (run) => stateOf(run) === 'running';

/** Whether somebody has to look at it. */
export const isBad = (run) => ['failed', 'incomplete', 'lost'].includes(stateOf(run));

/** How many milliseconds it took, or has taken so far; null: it did not begin. */
export function took(run, now) {
  return run.startedAt ? Math.max(0, (run.endedAt ? Date.parse(run.endedAt) : now) - Date.parse(run.startedAt)) : null;
}

/** The same in words. One that is under way changes by seconds only. */
export function tookInWords(run, now) {
  const time = took(run, now);
  if (time === null) return '';
  return isRunning(run) ? `${time < 1000 ? '0 s' : duration(Math.floor(time / 1000)).replace('.0', '')} so far` : duration(time / 1000);
}

/** A name of the service's own, such as deleted_messages, as people write it. */
export const plainName = (name) => name.replaceAll('_', ' ');

/** What it has done, in the job's own terms. */
export const numbersOf = (run) => Object.entries(run.numbers ?? {}).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, value]) => [plainName(name), count(value)]);

/** When it runs, in a line. */
export const scheduleOf = (job) => (job.schedule ? `${job.schedule}${job.timeZone === 'UTC' ? '' : ` (${job.timeZone})`}` : 'by hand');

/** What it is told, such as views=public.sales. */
export const parametersOf = (parameters) => Object.entries(parameters ?? {}).map(([name, value]) => `${name}=${value}`).join(', ');

/** An element that says a state, by its colour too. */
export const makeState = () => make('span', 'run-state');

export function fillState(element, state) {
  if (element.dataset.state !== state) element.dataset.state = state;
  setText(element, state);
}
