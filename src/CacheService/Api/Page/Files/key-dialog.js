// Asks for the key, where the service asks for one.

import { key } from './service.js';

/** A dialog, which opens when a call needs a key or another one. */
export class KeyDialog {
  #dialog = document.getElementById('key-dialog');
  #input = document.getElementById('key');
  #trouble = document.getElementById('key-trouble');
  #forget = document.getElementById('key-forget');
  #isDeclined = false;

  /** @param changed Is called when the key is another, or none any more. */
  constructor(changed) {
    document.getElementById('key-form').addEventListener('submit', () => {
      key.set(this.#input.value.trim());
      this.#input.value = '';
      this.#showForget();
      changed();
    });
    document.getElementById('key-cancel').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => {
      this.#isDeclined = true;
    });
    this.#forget.addEventListener('click', () => {
      key.forget();
      this.#showForget();
      this.#tell('');
      this.#isDeclined = false;
      changed();
    });
    document.getElementById('key-enter').addEventListener('click', () => this.#dialog.showModal());
    this.#showForget();
  }

  /** A call was refused for want of a key that the service knows. The dialog opens by itself once; when it was declined, a button opens it. */
  ask(error) {
    if (error.usedKey !== null) {
      key.forget();
      this.#showForget();
      this.#isDeclined = false;
      this.#tell(error.message);
    }

    if (!this.#dialog.open && !this.#isDeclined) this.#dialog.showModal();
  }

  #tell(trouble) {
    this.#trouble.textContent = trouble;
    this.#trouble.hidden = trouble === '';
  }

  #showForget() {
    this.#forget.hidden = key.get() === null;
  }
}
