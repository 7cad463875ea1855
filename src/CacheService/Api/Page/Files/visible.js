// Work that goes on only while somebody can see the page.

/** Begins work whenever the page is shown, and ends it by its signal when the page is hidden. */
export class WhileVisible {
  #work;
  #ending = null;
  #isSuspended = false;

  /** @param work Functions of an AbortSignal, each of which goes on until that is aborted. */
  constructor(work) {
    this.#work = work;
    document.addEventListener('visibilitychange', () => this.#look());
    this.#look();
  }

  /** Ends the work until it is begun anew: it can do nothing now. */
  suspend() {
    this.#isSuspended = true;
    this.#end();
  }

  /** Ends the work, and begins it anew: something that it rests on is another. */
  restart() {
    this.#isSuspended = false;
    this.#end();
    this.#look();
  }

  #look() {
    if (document.visibilityState === 'hidden') {
      this.#end();
    } else if (!this.#ending && !this.#isSuspended) {
      this.#ending = new AbortController();
      for (const begin of this.#work) begin(this.#ending.signal);
    }
  }

  #end() {
    this.#ending?.abort();
    this.#ending = null;
  }
}

/** Resolves after a time, or as soon as the signal is aborted. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
