// The jobs part of the page, put together.

import { AskFirst } from './ask-first.js';
import { shortMoment } from './format.js';
import { make, setText } from './frame.js';
import { JobList } from './job-list.js';
import { isBad, isRunning } from './job-words.js';
import { OneJob } from './one-job.js';
import { OneRun } from './one-run.js';
import { showEach } from './rows.js';
import { call, send } from './service.js';
import { Views } from './views.js';

// While somebody looks at the jobs, while something that is shown changes, and while only their sum is shown.
const INTERVAL = 2000;
const BUSY_INTERVAL = 700;
const SUM_INTERVAL = 5000;
const ACTIONS = 30;

/** Asks about jobs, and shows them: all, one of them, and one of its runs. */
export class Jobs {
  #sum = document.getElementById('jobs-sum');
  #trouble = document.getElementById('jobs-trouble');
  #empty = document.getElementById('jobs-empty');
  #result = document.getElementById('jobs-result');
  #runTrouble = document.getElementById('run-trouble');
  #actions = document.getElementById('actions').tBodies[0];
  #actionsEmpty = document.getElementById('actions-empty');
  #views;
  #askFirst;
  #list;
  #job;
  #run;
  #changed;
  // The last job that was shown, which stays where the address names none.
  #shown = '';
  // The last question that was asked, and the last that was answered: what comes late tells nothing new.
  #asked = 0;
  #answered = 0;
  #hasBusy = false;
  // How far the service's clock is ahead of this one.
  #ahead = 0;

  /**
   * @param failed Is called with the error of a call that failed.
   * @param changed Is called when the jobs are to be asked about at once.
   */
  constructor(failed, changed) {
    this.#changed = changed;
    const ask = (question) => this.#askFirst.ask(question);
    this.#askFirst = new AskFirst((words, answer) => this.#tell(words, answer), failed);
    this.#views = new Views(() => {
      setText(this.#result, '');
      changed();
    });
    this.#list = new JobList((name) => this.#goTo(name));
    this.#job = new OneJob(ask, (run) => this.#views.goTo(run), changed);
    this.#run = new OneRun(ask, changed, failed);
  }

  /** How many milliseconds later there may be something new. */
  get interval() {
    if (!this.#views.isJobs) return SUM_INTERVAL;
    return this.#hasBusy ? BUSY_INTERVAL : INTERVAL;
  }

  /** Asks about what is shown, and shows the answers. */
  ask = async (signal) => {
    const number = ++this.#asked;
    const { isJobs, run: runId } = this.#views;
    try {
      const response = await send('v1/jobs', { signal });
      const { jobs } = await response.json();
      const chosen = isJobs ? this.#chosenOf(jobs) : null;
      const [runs, run, actions] = await Promise.all([
        chosen && call(`v1/runs?${this.#job.queryOf(chosen.name)}`, { signal }),
        chosen && runId && this.#askRun(runId, signal),
        isJobs && call(`v1/actions?limit=${ACTIONS}${chosen ? `&job=${chosen.name}` : ''}`, { signal }),
      ]);
      if (number < this.#answered || runId !== this.#views.run) return;
      this.#answered = number;
      this.#ahead = Date.parse(response.headers.get('Date')) - Date.now();
      this.#tellTrouble(this.#views.job && !chosen && isJobs ? `There is no job ${this.#views.job}.` : '');
      this.#show(jobs, chosen, runs?.runs, run || null, actions?.actions);
    } catch (error) {
      // That the service is gone, or wants a key, is said above all parts.
      if (error.kind !== 'refused' && error.kind !== 'right') throw error;
      this.#tellTrouble(error.message);
    }
  };

  /** The job that the address names; without one, the last that was shown, else one that has failed, else the first. Null: there is none. */
  #chosenOf(jobs) {
    const named = this.#views.job || this.#shown;
    const chosen = named ? jobs.find(({ name }) => name === named) : jobs.find(({ run }) => run && isBad(run)) ?? jobs[0];
    this.#shown = chosen?.name ?? '';
    return chosen ?? null;
  }

  async #askRun(id, signal) {
    try {
      const run = await call(`v1/runs/${id}?${this.#run.queryOf(id)}`, { signal });
      this.#runTrouble.hidden = true;
      return run;
    } catch (error) {
      if (error.kind !== 'refused') throw error;
      this.#runTrouble.hidden = false;
      setText(this.#runTrouble, error.message);
      return null;
    }
  }

  #show(jobs, chosen, runs, run, actions) {
    const bad = jobs.filter((job) => job.run && isBad(job.run)).length;
    setText(this.#sum, bad > 0 ? `${bad} failed` : '');
    if (!this.#views.isJobs) return;
    const now = Date.now() + this.#ahead;
    this.#hasBusy = jobs.some((job) => job.run && isRunning(job.run));
    this.#empty.hidden = jobs.length > 0;
    this.#list.show(jobs, chosen?.name, now);
    this.#job.show(chosen, runs ?? null, this.#views.run, now);
    this.#run.show(run, chosen, now);
    this.#runTrouble.hidden ||= !this.#views.run;
    this.#showActions(actions ?? []);
  }

  #showActions(actions) {
    this.#actionsEmpty.hidden = actions.length > 0;
    showEach(this.#actions, actions, ({ id }) => id, ({ at, who, what, job, run, detail }) => {
      const row = make('tr');
      const [when, did] = [make('td', '', shortMoment(at)), make('td')];
      did.append(what, ' ');
      if (Number(run) > 0) {
        const link = make('a', '', `run ${run}`);
        link.href = Views.addressOf(job, run);
        did.append(link);
      }

      if (detail) did.append(make('div', 'note', detail));
      row.append(when, make('td', 'who', who), did);
      return row;
    }, () => {});
  }

  #goTo(name) {
    location.hash = Views.addressOf(name);
    const job = document.getElementById('job');
    // Where the columns lie one below the other, whoever has chosen in the table does not see it.
    if (job.getBoundingClientRect().top > innerHeight) job.scrollIntoView({ block: 'nearest' });
  }

  /** Something was done. What has begun is shown, unless it does something for the run that is. */
  #tell(words, { run }) {
    if (run && run.trigger !== 'retry' && run.id !== this.#views.run) this.#views.goTo(run);
    this.#changed();
    // After the address has changed, with which earlier words go.
    setTimeout(() => setText(this.#result, words));
  }

  #tellTrouble(trouble) {
    this.#trouble.hidden = trouble === '';
    setText(this.#trouble, trouble);
  }
}
