// The last hour as small charts that share their time.

import { about, duration, seconds } from './format.js';
import { make, nextFrame, setText } from './frame.js';

const SVG = 'http://www.w3.org/2000/svg';
const HOUR = 3600;
const LEAST = 60;
const HEIGHT = 100;
// Between two samples that lie further apart than that many lengths the service did not run, or stood still.
const GAP = 2.5;

const CHARTS = [
  { name: 'Reads', unit: 'a second', of: (sample) => sample.reads, format: about },
  { name: 'Changes', unit: 'a second', of: (sample) => sample.changes, format: about },
  { name: 'Drains', unit: 'a second', of: (sample) => sample.drains, format: about },
  { name: 'Age', unit: 'at most', of: (sample) => sample.age, format: duration },
  { name: 'Watchers', unit: '', of: (sample) => sample.watchers, format: about },
];

/** Draws the samples of the service's history. */
export class Charts {
  #group = document.getElementById('charts');
  #note = document.getElementById('history-note');
  #samples = [];
  #charts;
  // The sample that the reader looks at; null: the last one.
  #looked = null;

  constructor() {
    this.#charts = CHARTS.map((chart) => this.#make(chart));
    this.#group.append(...this.#charts.map(({ figure }) => figure));
    this.#group.addEventListener('pointermove', (event) => this.#lookAt(event));
    this.#group.addEventListener('pointerleave', () => this.#look(null));
    this.#group.addEventListener('blur', () => this.#look(null));
    this.#group.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** How many seconds back the service is to be asked for what is new; null: for all. */
  get missing() {
    const last = this.#samples.at(-1);
    return last ? Math.min(HOUR, (Date.now() - last.receivedAt) / 1000 + 4 * last.length) : null;
  }

  /** Adds the samples that are new. */
  add(samples) {
    const last = this.#samples.at(-1)?.at ?? -Infinity;
    const receivedAt = Date.now();
    const added = samples
      .map((sample) => ({ ...sample, at: Date.parse(sample.at) / 1000, length: seconds(sample.length), age: seconds(sample.age), watchers: Number(sample.watchers), receivedAt }))
      .filter((sample) => sample.at > last);
    this.#samples.push(...added);
    const end = this.#samples.at(-1)?.at;
    while (this.#samples.length > 0 && this.#samples[0].at < end - HOUR) this.#samples.shift();
    nextFrame(this.show);
  }

  /** Draws them. */
  show = () => {
    if (this.#samples.length === 0) {
      setText(this.#note, 'The first samples come in a few seconds');
      return;
    }

    const end = this.#samples.at(-1).at;
    const span = Math.min(HOUR, Math.max(LEAST, end - this.#samples[0].at + this.#samples[0].length));
    const looked = this.#looked ?? this.#samples.at(-1);
    setText(this.#note, this.#looked ? `${duration(end - looked.at)} ago` : span < HOUR ? `from ${duration(span)} ago to now` : 'from an hour ago to now');
    const x = (sample) => span - (end - sample.at);
    for (const chart of this.#charts) this.#draw(chart, span, x, looked);
  };

  #make(chart) {
    const figure = make('figure');
    const caption = make('figcaption');
    const value = make('span', 'value');
    const top = make('span', 'top-value');
    caption.append(make('span', 'name', chart.name), ' ', value, ' ', make('span', 'unit', chart.unit), top);
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('role', 'img');
    const [stale, area, line, cursor] = ['stale', 'area', 'line', 'cursor'].map((name) => {
      const path = document.createElementNS(SVG, 'path');
      path.setAttribute('class', name);
      svg.append(path);
      return path;
    });
    figure.append(caption, svg);
    return { ...chart, figure, value, top, svg, stale, area, line, cursor };
  }

  #draw(chart, span, x, looked) {
    const highest = Math.max(...this.#samples.map((sample) => chart.of(sample) ?? 0));
    const scale = highest > 0 ? (HEIGHT - 4) / highest : 0;
    const now = chart.of(looked);
    setText(chart.value, now === null ? '–' : chart.format(now));
    setText(chart.top, `highest ${chart.format(highest)}`);
    chart.svg.setAttribute('viewBox', `0 0 ${span.toFixed(1)} ${HEIGHT}`);
    chart.svg.setAttribute('aria-label', `${chart.name} ${chart.unit}: now ${chart.value.textContent}, ${chart.top.textContent}`);
    let line = '';
    let area = '';
    let stale = '';
    for (const part of partsOf(this.#samples, chart.of)) {
      const points = part.map((sample) => `${x(sample).toFixed(1)} ${(HEIGHT - 1 - scale * chart.of(sample)).toFixed(1)}`);
      // A lone sample is as wide as it was long.
      const from = x(part[0]) - part[0].length;
      const first = `${from.toFixed(1)} ${points[0].split(' ')[1]}`;
      line += `M${first}L${points.join('L')}`;
      area += `M${from.toFixed(1)} ${HEIGHT}L${first}L${points.join('L')}L${x(part.at(-1)).toFixed(1)} ${HEIGHT}Z`;
    }

    for (const sample of this.#samples) {
      if (sample.state !== 'FEED_STATE_LIVE') stale += `M${(x(sample) - sample.length).toFixed(1)} 0H${x(sample).toFixed(1)}V${HEIGHT}H${(x(sample) - sample.length).toFixed(1)}Z`;
    }

    chart.line.setAttribute('d', line);
    chart.area.setAttribute('d', area);
    chart.stale.setAttribute('d', stale);
    chart.cursor.setAttribute('d', this.#looked ? `M${x(looked).toFixed(1)} 0V${HEIGHT}` : '');
  }

  #lookAt(event) {
    const box = event.target.closest('figure')?.querySelector('svg').getBoundingClientRect();
    if (!box || this.#samples.length === 0) return;
    const end = this.#samples.at(-1).at;
    const [, , span] = this.#charts[0].svg.getAttribute('viewBox')?.split(' ').map(Number) ?? [0, 0, LEAST];
    const at = end - span * (1 - (event.clientX - box.left) / box.width);
    this.#look(this.#samples.reduce((best, sample) => (Math.abs(sample.at - at) < Math.abs(best.at - at) ? sample : best)));
  }

  #onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || this.#samples.length === 0) return;
    event.preventDefault();
    const index = this.#looked ? this.#samples.indexOf(this.#looked) : this.#samples.length - 1;
    this.#look(this.#samples[Math.min(this.#samples.length - 1, Math.max(0, index + step))]);
  }

  #look(sample) {
    if (this.#looked === sample) return;
    this.#looked = sample;
    nextFrame(this.show);
  }
}

/** The samples that have a value, in parts without a gap. */
function partsOf(samples, valueOf) {
  const parts = [];
  let last = null;
  for (const sample of samples) {
    if (valueOf(sample) === null) {
      last = null;
      continue;
    }

    if (!last || sample.at - last.at > GAP * sample.length) parts.push([]);
    parts.at(-1).push(sample);
    last = sample;
  }

  return parts;
}
