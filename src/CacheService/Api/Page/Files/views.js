// Which part of the page is shown. It is in the address, so that a link leads to a job, or to one of its runs.

const ADDRESS = /^#\/jobs(?:\/([a-z0-9-]+)(?:\/([0-9]+))?)?$/;

/** The counts, or the jobs; and of those the one that is chosen. */
export class Views {
  #nav = document.getElementById('views');
  #views = { counts: document.getElementById('counts-view'), jobs: document.getElementById('jobs-view') };

  /** Whether the jobs are shown. */
  isJobs = false;

  /** The name of the chosen job; empty: none. */
  job = '';

  /** The number of the chosen run; empty: none. */
  run = '';

  /** @param changed Is called when another part is shown, or something else is chosen. */
  constructor(changed) {
    this.#nav.hidden = false;
    addEventListener('hashchange', () => {
      this.#read();
      changed();
    });
    this.#read();
  }

  /** The address of a job, or of one of its runs. */
  static addressOf(job, run = '') {
    return `#/jobs/${job}${run ? `/${run}` : ''}`;
  }

  /** Chooses a run. */
  goTo({ job, id }) {
    location.hash = Views.addressOf(job, id);
  }

  #read() {
    const named = ADDRESS.exec(location.hash);
    this.isJobs = named !== null;
    [this.job, this.run] = [named?.[1] ?? '', named?.[2] ?? ''];
    for (const [name, view] of Object.entries(this.#views)) {
      const isShown = (name === 'jobs') === this.isJobs;
      view.hidden = !isShown;
      this.#nav.querySelector(`[data-view="${name}"]`).ariaCurrent = isShown ? 'page' : null;
    }
  }
}
