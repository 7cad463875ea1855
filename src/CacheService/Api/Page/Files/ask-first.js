// Asks before something is done that cannot be undone.

import { make } from './frame.js';
import { sentence } from './format.js';

/** One dialog for all such questions. */
export class AskFirst {
  #dialog = document.getElementById('ask-dialog');
  #title = document.getElementById('ask-title');
  #text = document.getElementById('ask-text');
  #fields = document.getElementById('ask-fields');
  #trouble = document.getElementById('ask-trouble');
  #confirm = document.getElementById('ask-confirm');
  #question = null;
  #isBusy = false;
  #done;
  #failed;

  /**
   * @param done Is called with what is to be said of it, and with the answer, when something was done.
   * @param failed Is called with the error of a call that failed.
   */
  constructor(done, failed) {
    this.#done = done;
    this.#failed = failed;
    document.getElementById('ask-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#do();
    });
    document.getElementById('ask-back').addEventListener('click', () => this.#dialog.close());
  }

  /**
   * Asks.
   * @param {{title: string, text: string, fields: object[], confirm: string, send: function(object): Promise<object>, done: function(object): string}} question What is asked; what sends
   * it, of the values of its fields by their names; and words for the answer.
   */
  ask(question) {
    if (this.#isBusy) return;
    this.#question = question;
    this.#title.textContent = question.title;
    this.#text.textContent = question.text;
    this.#confirm.textContent = question.confirm;
    this.#fields.replaceChildren(...question.fields.flatMap(makeField));
    this.#tell('');
    this.#dialog.showModal();
  }

  async #do() {
    if (this.#isBusy) return;
    const question = this.#question;
    this.#setBusy(true);
    this.#tell('');
    try {
      const answer = await question.send(this.#values());
      this.#dialog.close();
      this.#done(question.done(answer), answer);
    } catch (error) {
      this.#tell(sentence(error.message));
      // Whoever has closed it meanwhile reads it there.
      if (!this.#dialog.open) this.#done(sentence(error.message), {});
      this.#failed(error);
    } finally {
      this.#setBusy(false);
    }
  }

  #values() {
    return Object.fromEntries([...this.#fields.querySelectorAll('input, select')].map((field) => [field.name, valueOf(field)]));
  }

  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    this.#confirm.ariaDisabled = String(isBusy);
  }

  #tell(trouble) {
    this.#trouble.textContent = trouble;
    this.#trouble.hidden = trouble === '';
  }
}

function valueOf(field) {
  if (field.type === 'file') return field.files[0];
  return field.type === 'checkbox' ? field.checked : field.value.trim();
}

/** A field with its label, and what it is for: {name, label, hint, value, isRequired, isFile, options}. A value that is true or false makes a box to tick. */
function makeField({ name, label, hint = '', value = '', isRequired = false, isFile = false, options = null }) {
  const isTick = typeof value === 'boolean';
  const field = make(options ? 'select' : 'input');
  field.id = `ask-${name}`;
  field.name = name;
  field.required = isRequired;
  if (options) {
    field.append(...options.map(([option, words]) => new Option(words, option)));
    field.value = value;
  } else if (isTick) {
    field.type = 'checkbox';
    field.checked = value;
  } else if (isFile) {
    field.type = 'file';
  } else {
    field.value = value;
    field.maxLength = 1000;
    field.autocomplete = 'off';
    field.spellcheck = false;
  }

  const caption = make('label', isTick ? 'tick' : '', label);
  caption.htmlFor = field.id;
  if (isTick) caption.prepend(field, ' ');
  const parts = isTick ? [caption] : [caption, field];
  if (hint) {
    const note = make('p', 'note', hint);
    note.id = `${field.id}-hint`;
    field.setAttribute('aria-describedby', note.id);
    parts.push(note);
  }

  return parts;
}
