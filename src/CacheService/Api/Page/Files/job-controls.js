// What people can do with jobs: each a question to be asked first, and the call that does it.

import { many } from './format.js';
import { misfireNamed, misfireOf, stateOf } from './job-words.js';
import { call } from './service.js';

const REASON = { name: 'reason', label: 'Why', hint: 'For whoever looks later.' };
const MISFIRES = [['latest', 'Run the latest, late; skip those before it'], ['all', 'Run all, one after the other'], ['skip', 'Skip them']];

const post = (path, body) => call(path, { method: 'POST', ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }) });

const because = (reason) => (reason ? `?reason=${encodeURIComponent(reason)}` : '');

const begun = ({ run }) => `Run ${run.id} of ${run.job} has begun.`;

/** What each parameter of a job is now. */
const fieldsOf = (job, valueOf) => job.knownParameters.map(({ name, description, defaultValue }) => (
  { name: `told-${name}`, label: name, hint: `${description}${defaultValue ? ` Else ${defaultValue}.` : ''}`, value: valueOf(name) }
));

/** What the fields of the parameters say. */
const told = (values) => Object.entries(values).filter(([name]) => name.startsWith('told-')).map(([name, value]) => [name.slice('told-'.length), value]);

export function start(job) {
  // Whoever confirms twice, because an answer did not come, starts it once.
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join('-');
  return {
    title: `Start ${job.name} now?`,
    text: job.description,
    fields: [...fieldsOf(job, (name) => job.parameters?.[name] ?? ''), { name: 'dryRun', label: 'Only say what it would do', value: false }],
    confirm: 'Start',
    send: ({ dryRun, ...values }) => {
      const others = told(values).filter(([name, value]) => value !== (job.parameters?.[name] ?? ''));
      return post(`v1/jobs/${job.name}/start`, { parameters: Object.fromEntries(others), dryRun, idempotencyKey: key });
    },
    done: begun,
  };
}

/** A file of the reader's, and the import of it. */
export const upload = (job) => ({
  title: 'Import a file?',
  text: 'It is kept by the service, and looked at whole. Then its rows are merged into a table, by key, while everybody works.',
  fields: [
    { name: 'file', label: 'File', hint: 'Separated values, with a header.', isFile: true, isRequired: true },
    ...fieldsOf(job, (name) => job.parameters?.[name] ?? '').filter(({ label }) => label !== 'file'),
    { name: 'dryRun', label: 'Only say what it would do', value: false },
  ],
  confirm: 'Import',
  send: ({ file, dryRun, ...values }) => {
    // Of two files the newer one wins, and that is not the one that was sent later.
    const query = new URLSearchParams({ as_of: new Date(file.lastModified).toISOString(), ...Object.fromEntries(told(values).filter(([, value]) => value !== '')), dry_run: dryRun });
    return call(`v1/imports/${encodeURIComponent(file.name)}?${query}`, { method: 'POST', body: file, headers: { 'Content-Type': 'application/octet-stream' } });
  },
  done: begun,
});

export const pause = (job) => ({
  title: `Pause ${job.name}?`,
  text: 'Nothing of it starts any more, until somebody says otherwise; slots that come due are skipped. What is under way goes on.',
  fields: [{ ...REASON, isRequired: true }],
  confirm: 'Pause',
  send: ({ reason }) => post(`v1/jobs/${job.name}/pause${because(reason)}`),
  done: ({ job: { name } }) => `${name} is paused.`,
});

export const unpause = (job) => ({
  title: `Have ${job.name} run again?`,
  text: 'By its schedule, from now on. What was due meanwhile stays skipped.',
  fields: [],
  confirm: 'Unpause',
  send: () => post(`v1/jobs/${job.name}/unpause`),
  done: ({ job: { name } }) => `${name} runs again.`,
});

export const schedule = (job) => ({
  title: `Change when ${job.name} runs`,
  text: 'What is due by the old schedule and has not begun is skipped.',
  fields: [
    { name: 'schedule', label: 'Schedule', hint: 'A cron expression: minute hour day month weekday, with seconds before them if there are six. Empty: only by hand.', value: job.schedule },
    { name: 'timeZone', label: 'Time zone', hint: 'In which it is meant, such as UTC or Europe/Berlin.', value: job.timeZone, isRequired: true },
    { name: 'misfire', label: 'Slots that were missed', value: misfireOf(job), options: MISFIRES },
    ...fieldsOf(job, (name) => job.parameters?.[name] ?? ''),
  ],
  confirm: 'Change',
  send: ({ schedule: cron, timeZone, misfire, ...values }) => {
    const parameters = Object.fromEntries(told(values).filter(([, value]) => value !== ''));
    return post(`v1/jobs/${job.name}/schedule`, { schedule: cron, timeZone, misfire: misfireNamed(misfire), parameters: { values: parameters } });
  },
  done: ({ job: { name, schedule: cron } }) => (cron ? `${name} runs by ${cron} from now on.` : `${name} runs only by hand from now on.`),
});

export const stop = (run) => ({
  title: `Stop run ${run.id} of ${run.job}?`,
  text: 'It ends at once, whatever it does. What it has done so far stays, and it can be resumed from there.',
  fields: [REASON],
  confirm: 'Stop',
  send: ({ reason }) => post(`v1/runs/${run.id}/stop${because(reason)}`),
  done: ended,
});

export const cancel = (run) => ({
  title: `Cancel run ${run.id} of ${run.job}?`,
  text: 'It ends at once, for good. What it has done so far stays.',
  fields: [REASON],
  confirm: 'Cancel the run',
  send: ({ reason }) => post(`v1/runs/${run.id}/cancel${because(reason)}`),
  done: ended,
});

export const resume = (run) => ({
  title: `Resume run ${run.id} of ${run.job}?`,
  text: run.cursor ? `A new run goes on where this one had got to: ${run.cursor}.` : 'A new run goes on. This one had saved nothing, so that it goes on from the beginning.',
  fields: [],
  confirm: 'Resume',
  send: () => post(`v1/runs/${run.id}/resume`),
  done: begun,
});

export const restart = (run) => ({
  title: `Restart run ${run.id} of ${run.job}?`,
  text: `${stateOf(run) === 'running' ? 'This one is cancelled first. ' : ''}A new run does the same from the beginning, with the same parameters and for the same slot.`,
  fields: [],
  confirm: 'Restart',
  send: () => post(`v1/runs/${run.id}/restart`),
  done: begun,
});

/** @param keys The items; none: all that have failed. */
export const retry = (run, failed, keys = []) => ({
  title: keys.length > 0 ? `Try ${keys[0]} again?` : `Try ${many(failed, 'failed item')} again?`,
  text: `A new run does it, and enters here in run ${run.id} what came of it.`,
  fields: [],
  confirm: 'Try again',
  send: () => post(`v1/runs/${run.id}/retry`, { keys }),
  done: begun,
});

export const ignore = (run, key) => ({
  title: `Ignore ${key}?`,
  text: 'It counts as failed no longer. It stays in the list, with its error.',
  fields: [],
  confirm: 'Ignore',
  send: () => post(`v1/runs/${run.id}/ignore`, { keys: [key] }),
  done: () => `${key} is ignored.`,
});

function ended({ run }) {
  const state = stateOf(run);
  return state === 'succeeded' ? `Run ${run.id} had succeeded before it was told.` : `Run ${run.id} is ${state}.`;
}
