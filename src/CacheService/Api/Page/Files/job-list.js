// The jobs: what runs now, what ran last, and what is due next.

import { shortMoment } from './format.js';
import { make, setText } from './frame.js';
import { fillState, isRunning, makeState, scheduleOf, stateOf, tookInWords } from './job-words.js';
import { roam, showEach } from './rows.js';

/** The table of all jobs, from which one is chosen. */
export class JobList {
  #body = document.getElementById('jobs').tBodies[0];
  #keepOneReachable = roam(this.#body);
  #choose;

  /** @param choose Is called with the name of the job that the reader chooses. */
  constructor(choose) {
    this.#choose = choose;
    this.#body.addEventListener('click', (event) => {
      const row = event.target.closest('tr');
      if (row) this.#choose(row.dataset.key);
    });
  }

  /**
   * Shows them.
   * @param chosen The name of the job that is chosen.
   * @param now The service's time, in milliseconds.
   */
  show(jobs, chosen, now) {
    showEach(this.#body, jobs, (job) => job.name, makeRow, (row, job) => {
      const { button, state, when, next, note } = row.parts;
      row.classList.toggle('chosen', job.name === chosen);
      button.ariaCurrent = job.name === chosen ? 'true' : null;
      setText(button, job.name);
      state.hidden = !job.run;
      if (job.run) fillState(state, stateOf(job.run));
      setText(when, job.run ? lastOf(job.run, now) : 'has not run yet');
      setText(next, nextOf(job));
      setText(note, job.problem ? `not run here: ${job.problem}` : scheduleOf(job));
    });
    this.#keepOneReachable();
  }
}

function makeRow() {
  const row = make('tr');
  const button = make('button', 'row');
  button.type = 'button';
  button.tabIndex = -1;
  const [state, when] = [makeState(), make('span', 'when')];
  const [next, note] = [make('div'), make('div', 'note')];
  const [name, last, due] = [make('td', 'name'), make('td'), make('td')];
  name.append(button);
  last.append(state, ' ', when);
  due.append(next, note);
  row.append(name, last, due);
  row.parts = { button, state, when, next, note };
  return row;
}

const lastOf = (run, now) => (isRunning(run) ? tookInWords(run, now) : run.startedAt ? `${shortMoment(run.startedAt)}, ${tookInWords(run, now)}` : shortMoment(run.slot ?? run.endedAt));

function nextOf(job) {
  if (job.pausedAt) return `paused by ${job.pausedBy}${job.pausedWhy ? `: ${job.pausedWhy}` : ''}`;
  return job.nextSlot ? shortMoment(job.nextSlot) : '';
}
