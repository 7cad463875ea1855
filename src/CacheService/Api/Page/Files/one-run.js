// The chosen run: what it did, item by item, and what it logged.

import { count, many, moment, shortMoment } from './format.js';
import { make, setText } from './frame.js';
import { cancel, ignore, restart, resume, retry, stop } from './job-controls.js';
import { fillState, isRunning, itemStateOf, makeState, numbersOf, parametersOf, stateOf, tookInWords } from './job-words.js';
import { showEach, showFacts } from './rows.js';
import { call } from './service.js';
import { Views } from './views.js';

const ITEMS = 100;
const RESUMABLE = ['stopped', 'failed', 'lost'];
// So near to the end of the log its reader wants to see what comes.
const AT_END = 30;

/** Shows a run. */
export class OneRun {
  #section = document.getElementById('run');
  #title = document.getElementById('run-title');
  #state = document.getElementById('run-state');
  #detail = document.getElementById('run-detail');
  #of = document.getElementById('run-of');
  #facts = document.getElementById('run-facts');
  #numbers = document.getElementById('run-numbers');
  #buttons = {
    stop: document.getElementById('run-stop'),
    cancel: document.getElementById('run-cancel'),
    resume: document.getElementById('run-resume'),
    restart: document.getElementById('run-restart'),
    retry: document.getElementById('run-retry'),
  };

  #items = document.getElementById('items');
  #itemsPart = document.getElementById('items-part');
  #itemsNote = document.getElementById('items-note');
  #itemState = document.getElementById('items-state');
  #log = document.getElementById('log');
  #logScroll = document.getElementById('log-scroll');
  #logPart = document.getElementById('log-part');
  #outputs = document.getElementById('outputs');
  #outputsPart = document.getElementById('outputs-part');
  #told = null;
  #job = null;
  #ask;
  #output = new Output();
  #failed;

  /**
   * @param ask Asks whether something is to be done.
   * @param changed Is called when the reader wants to see other items.
   * @param failed Is called with the error of a call that failed.
   */
  constructor(ask, changed, failed) {
    this.#ask = ask;
    this.#failed = failed;
    for (const [name, question] of Object.entries({ stop, cancel, resume, restart })) this.#buttons[name].addEventListener('click', () => ask(question(this.#told.run)));
    this.#buttons.retry.addEventListener('click', () => ask(retry(this.#told.run, this.#told.failedItems)));
    this.#itemState.addEventListener('change', changed);
    fillState(this.#state.appendChild(makeState()), '');
  }

  /** What is to be asked of it, as a query. Of the log only what has not come yet. */
  queryOf(id) {
    const last = this.#told?.run.id === id ? Number(this.#log.lastElementChild?.dataset.key ?? 0) : 0;
    return `item_limit=${ITEMS}&log_after=${last}${this.#itemState.value ? `&item_state=${this.#itemState.value}` : ''}`;
  }

  /**
   * Shows it.
   * @param told What the service says of it; null: no run is chosen.
   * @param job Its job; null: there is none of that name.
   * @param now The service's time, in milliseconds.
   */
  show(told, job, now) {
    const isOther = told?.run.id !== this.#told?.run.id;
    [this.#told, this.#job] = [told, job];
    this.#section.hidden = !told;
    if (isOther) this.#log.replaceChildren();
    if (!told) return;
    const { run } = told;
    setText(this.#title, `Run ${run.id} of ${run.job}`);
    fillState(this.#state.firstElementChild, stateOf(run));
    this.#detail.hidden = !run.detail;
    setText(this.#detail, run.detail);
    this.#showButtons(run);
    this.#showFacts(run, now);
    const numbers = numbersOf(run);
    this.#numbers.hidden = numbers.length === 0;
    showFacts(this.#numbers, numbers);
    this.#showItems(told);
    this.#showLog(told.log ?? []);
    this.#showOutputs(told.outputs ?? []);
    // Where the columns lie one below the other, whoever has chosen it does not see it.
    if (isOther && this.#section.getBoundingClientRect().top > innerHeight) this.#section.scrollIntoView({ block: 'nearest' });
  }

  #showButtons(run) {
    const isUnderWay = isRunning(run);
    const failed = Number(this.#told.failedItems);
    this.#buttons.stop.hidden = !isUnderWay;
    this.#buttons.cancel.hidden = !isUnderWay;
    this.#buttons.resume.hidden = !RESUMABLE.includes(stateOf(run)) || run.trigger === 'retry';
    this.#buttons.retry.hidden = isUnderWay || failed === 0 || !this.#job?.canRetry;
    setText(this.#buttons.retry, `Retry ${many(failed, 'failed item')} …`);
  }

  #showFacts(run, now) {
    const [time, slots] = [run.slot ? moment(run.slot) : '', Number(run.slots)];
    showFacts(this.#facts, [
      ...(run.slot ? [['Due', slots > 1 ? `${time} to ${moment(run.lastSlot)}, ${count(slots)} times` : time]] : []),
      ...(run.startedAt ? [['Began', moment(run.startedAt)], ['Took', tookInWords(run, now)]] : []),
      ['Asked for by', `${run.askedBy}${run.dryRun ? ', as a dry run' : ''}`],
      ...(run.service ? [['Ran on', run.service]] : []),
      ...(parametersOf(run.parameters) ? [['Was told', parametersOf(run.parameters)]] : []),
      ...(run.cursor ? [['Has got to', run.cursor]] : []),
    ]);
    // The run that it follows is one click away.
    this.#of.hidden = Number(run.ofRun) === 0;
    const [how, link] = this.#of.children;
    setText(how, { resume: 'It resumes', restart: 'It restarts', retry: 'It tries again items of' }[run.trigger] ?? 'It follows');
    setText(link, `run ${run.ofRun}`);
    link.href = Views.addressOf(run.job, run.ofRun);
  }

  #showItems({ run, items = [], failedItems, allItems }) {
    this.#itemsPart.hidden = Number(allItems) === 0;
    const shown = items.length < Number(allItems) ? `${count(items.length)} shown of ` : '';
    setText(this.#itemsNote, `${shown}${count(allItems)}${Number(failedItems) > 0 ? `, ${count(failedItems)} failed` : ''}`);
    showEach(this.#items, items, (item) => item.key, () => this.#makeItem(), (element, item) => {
      const { key, state, at, error, difference, again, leave } = element.parts;
      element.item = item;
      setText(key, item.key);
      fillState(state, itemStateOf(item));
      setText(at, `${shortMoment(item.at)}${item.attempts > 1 ? `, attempt ${item.attempts}` : ''}`);
      error.hidden = !item.error;
      setText(error, item.error);
      showDifference(difference, item.before, item.after);
      const isFailed = itemStateOf(item) === 'failed';
      again.hidden = !isFailed || isRunning(run) || !this.#job?.canRetry;
      leave.hidden = !isFailed;
    });
  }

  #makeItem() {
    const element = make('li');
    const line = make('p', 'line');
    const [key, state, at, error, difference] = [make('strong'), makeState(), make('span', 'note'), make('p', 'error'), make('dl', 'difference')];
    const [again, leave] = [make('button', 'again', 'Retry …'), make('button', 'leave', 'Ignore …')];
    again.type = leave.type = 'button';
    again.addEventListener('click', () => this.#ask(retry(this.#told.run, 1, [element.item.key])));
    leave.addEventListener('click', () => this.#ask(ignore(this.#told.run, element.item.key)));
    line.append(key, ' ', state, ' ', at, again, leave);
    element.append(line, error, difference);
    element.parts = { key, state, at, error, difference, again, leave };
    return element;
  }

  #showLog(lines) {
    const isAtEnd = this.#logScroll.scrollHeight - this.#logScroll.scrollTop - this.#logScroll.clientHeight < AT_END;
    for (const { line, at, text } of lines) {
      if (line <= Number(this.#log.lastElementChild?.dataset.key ?? 0)) continue;
      const element = make('li');
      element.dataset.key = line;
      const time = make('time', '', new Date(at).toLocaleTimeString([], { timeStyle: 'medium' }));
      time.dateTime = at;
      element.append(time, ' ', make('span', '', text));
      this.#log.append(element);
    }

    this.#logPart.hidden = this.#log.childElementCount === 0;
    if (lines.length > 0 && isAtEnd && isRunning(this.#told.run)) this.#logScroll.scrollTop = this.#logScroll.scrollHeight;
  }

  #showOutputs(outputs) {
    this.#outputsPart.hidden = outputs.length === 0;
    showEach(this.#outputs, outputs, (name) => name, (name) => {
      const button = make('button', '', name);
      button.type = 'button';
      button.addEventListener('click', () => this.#output.show(this.#told.run.id, name).catch(this.#failed));
      return button;
    }, () => {});
  }
}

/** Something that a run has made, such as a report: shown, and to be saved as a file. */
class Output {
  #dialog = document.getElementById('output-dialog');
  #title = document.getElementById('output-title');
  #text = document.getElementById('output-text');
  #save = document.getElementById('output-save');

  constructor() {
    document.getElementById('output-close').addEventListener('click', () => this.#dialog.close());
    this.#dialog.addEventListener('close', () => URL.revokeObjectURL(this.#save.href));
  }

  async show(run, name) {
    // By a call and not by a link, because a link takes no key along.
    const { contentType, content } = await call(`v1/runs/${run}/outputs/${encodeURIComponent(name)}`);
    this.#title.textContent = name;
    this.#text.textContent = content;
    this.#save.href = URL.createObjectURL(new Blob([content], { type: contentType }));
    this.#save.download = name;
    this.#dialog.showModal();
  }
}

/** What an item was and is, value by value. What is the same on both sides is there once. */
function showDifference(list, before, after) {
  const [was, is] = [valuesOf(before), valuesOf(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  list.hidden = names.length === 0;
  showEach(list, names, (name) => name, () => {
    const pair = make('div');
    const value = make('dd');
    value.append(make('del'), make('span', 'arrow'), make('ins'), make('span', 'same'));
    pair.append(make('dt'), value);
    return pair;
  }, (pair, name) => {
    const [old, arrow, now, same] = pair.lastElementChild.children;
    const differs = before && after && was[name] !== is[name];
    setText(pair.firstElementChild, name);
    setText(old, differs ? was[name] ?? '' : '');
    setText(arrow, differs && name in was && name in is ? ' → ' : '');
    setText(now, differs ? is[name] ?? '' : '');
    setText(same, differs ? '' : is[name] ?? was[name]);
  });
}

function valuesOf(json) {
  if (!json) return {};
  const value = JSON.parse(json);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return { value: JSON.stringify(value) };
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, typeof one === 'string' ? one : JSON.stringify(one)]));
}
