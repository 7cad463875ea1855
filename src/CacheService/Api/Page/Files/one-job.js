// The chosen job: how it is set, what can be done with it, and what its runs did.

import { duration, many, moment, shortMoment } from './format.js';
import { make, setText } from './frame.js';
import { pause, schedule, start, unpause, upload } from './job-controls.js';
import { fillState, isBad, isRunning, makeState, misfireOf, numbersOf, parametersOf, scheduleOf, stateOf, took, tookInWords } from './job-words.js';
import { roam, showEach, showFacts } from './rows.js';

// The job that takes files.
const IMPORT = 'import';
const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 40;
const BAR = 6;
const GAP = 2;
// Runs that are over in no time are seen too.
const LEAST = 2;
const FEWEST_BARS = 30;
const MOST_BARS = 60;
const RUNS = 50;
// As many as the service tells at once.
const MOST_RUNS = 1000;

/** Shows a job with its history. */
export class OneJob {
  #section = document.getElementById('job');
  #title = document.getElementById('job-title');
  #text = document.getElementById('job-text');
  #problem = document.getElementById('job-problem');
  #facts = document.getElementById('job-facts');
  #buttons = {
    start: document.getElementById('job-start'), upload: document.getElementById('job-upload'), pause: document.getElementById('job-pause'), unpause: document.getElementById('job-unpause'), schedule: document.getElementById('job-schedule'),
  };

  #state = document.getElementById('runs-state');
  #older = document.getElementById('runs-older');
  #body = document.getElementById('runs').tBodies[0];
  #empty = document.getElementById('runs-empty');
  #keepOneReachable = roam(this.#body);
  #bars = new Bars();
  #job = null;
  #limit = RUNS;

  /**
   * @param ask Asks whether something is to be done.
   * @param choose Is called with the run that the reader chooses.
   * @param changed Is called when the reader wants to see other runs.
   */
  constructor(ask, choose, changed) {
    for (const [name, question] of Object.entries({ start, upload, pause, unpause, schedule })) this.#buttons[name].addEventListener('click', () => ask(question(this.#job)));
    this.#body.addEventListener('click', (event) => {
      const row = event.target.closest('tr');
      if (row) choose({ job: this.#job.name, id: row.dataset.key });
    });
    this.#state.addEventListener('change', () => {
      this.#limit = RUNS;
      changed();
    });
    this.#older.addEventListener('click', () => {
      this.#limit = Math.min(MOST_RUNS, this.#limit * 2);
      changed();
    });
  }

  /** Which runs are to be shown, as a query. */
  queryOf(name) {
    return `job=${name}&limit=${this.#limit}${this.#state.value ? `&state=${this.#state.value}` : ''}`;
  }

  /**
   * Shows it.
   * @param job The job; null: there is none.
   * @param runs The runs that <see queryOf> asks for; null: they are not known yet.
   * @param chosen The number of the run that is chosen.
   * @param now The service's time, in milliseconds.
   */
  show(job, runs, chosen, now) {
    if (job?.name !== this.#job?.name) this.#limit = RUNS;
    this.#job = job;
    this.#section.hidden = !job;
    if (!job) return;
    setText(this.#title, job.name);
    setText(this.#text, job.description);
    this.#problem.hidden = !job.problem;
    setText(this.#problem, job.problem ? `It is not run by this service: ${job.problem}.` : '');
    this.#buttons.upload.hidden = job.name !== IMPORT;
    this.#buttons.pause.hidden = Boolean(job.pausedAt);
    this.#buttons.unpause.hidden = !job.pausedAt;
    showFacts(this.#facts, [
      ['Schedule', scheduleOf(job)],
      ['Next', job.pausedAt ? `paused ${moment(job.pausedAt)} by ${job.pausedBy}${job.pausedWhy ? `: ${job.pausedWhy}` : ''}` : job.nextSlot ? moment(job.nextSlot) : 'not by itself'],
      ['Missed slots', { latest: 'the latest is run, late', all: 'all are run', skip: 'are skipped' }[misfireOf(job)]],
      ...(parametersOf(job.parameters) ? [['Is told', parametersOf(job.parameters)]] : []),
    ]);
    if (runs) this.#showRuns(runs, chosen, now);
  }

  #showRuns(runs, chosen, now) {
    this.#bars.show(runs.slice(0, MOST_BARS), now);
    showEach(this.#body, runs, (run) => run.id, makeRow, (row, run) => {
      const { button, state, began, lasted, did } = row.parts;
      row.classList.toggle('chosen', run.id === chosen);
      button.ariaCurrent = run.id === chosen ? 'true' : null;
      setText(button, `Run ${run.id}`);
      fillState(state, stateOf(run));
      setText(began, shortMoment(run.startedAt ?? run.slot ?? run.endedAt));
      setText(lasted, tookInWords(run, now));
      setText(did, didOf(run));
    });
    this.#keepOneReachable();
    this.#empty.hidden = runs.length > 0;
    this.#older.hidden = runs.length < this.#limit || this.#limit === MOST_RUNS;
  }
}

function makeRow() {
  const row = make('tr');
  const button = make('button', 'row');
  button.type = 'button';
  button.tabIndex = -1;
  const [name, how, began, lasted, did] = [make('td', 'name'), make('td'), make('td'), make('td'), make('td', 'did')];
  const state = makeState();
  name.append(button);
  how.append(state);
  row.append(name, how, began, lasted, did);
  row.parts = { button, state, began, lasted, did };
  return row;
}

// What it did, or why it did not.
function didOf(run) {
  const slots = Number(run.slots) > 1 ? `${many(run.slots, 'slot')}: ` : '';
  const numbers = numbersOf(run).map(([name, value]) => `${value} ${name}`).join(', ');
  return [run.dryRun ? 'dry run' : '', run.detail ? slots + run.detail : '', numbers].filter(Boolean).join('; ');
}

/** How long the last runs took, as bars. */
class Bars {
  #figure = document.getElementById('runs-bars');
  #caption = document.getElementById('runs-caption');
  #svg = document.createElementNS(SVG, 'svg');
  #paths = {};

  constructor() {
    this.#svg.setAttribute('role', 'img');
    this.#svg.setAttribute('preserveAspectRatio', 'none');
    for (const name of ['good', 'bad', 'ended', 'running', 'skipped']) {
      this.#paths[name] = document.createElementNS(SVG, 'path');
      this.#paths[name].setAttribute('class', name);
      this.#svg.append(this.#paths[name]);
    }

    this.#figure.prepend(this.#svg);
  }

  show(runs, now) {
    const times = runs.map((run) => took(run, now)).filter((time) => time !== null);
    this.#figure.hidden = times.length === 0;
    if (times.length === 0) return;
    const longest = Math.max(...times, 1);
    const words = `The last ${many(runs.length, 'run')}, the latest at the right; the longest took ${duration(longest / 1000)}`;
    setText(this.#caption, words);
    const width = Math.max(FEWEST_BARS, runs.length) * (BAR + GAP);
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.#svg.setAttribute('aria-label', words);
    const drawn = { good: '', bad: '', ended: '', running: '', skipped: '' };
    runs.forEach((run, i) => {
      const height = Math.max(LEAST, ((took(run, now) ?? 0) / longest) * HEIGHT);
      drawn[kindOf(run)] += `M${width - (i + 1) * (BAR + GAP)} ${HEIGHT}v${-height.toFixed(1)}h${BAR}V${HEIGHT}Z`;
    });
    for (const [name, path] of Object.entries(this.#paths)) path.setAttribute('d', drawn[name]);
  }
}

function kindOf(run) {
  if (isRunning(run)) return 'running';
  if (isBad(run)) return 'bad';
  return { succeeded: 'good', skipped: 'skipped' }[stateOf(run)] ?? 'ended';
}
