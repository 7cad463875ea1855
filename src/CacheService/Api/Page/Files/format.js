// Numbers and times as people read them.

const whole = new Intl.NumberFormat('en');
const rough = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** A count, with separators between thousands. */
export const count = (number) => whole.format(number);

/** A number of which three digits are enough. */
export const about = (number) => rough.format(number);

/** Seconds in protobuf's JSON, such as 0.232s, as a number; null where there are none. */
export const seconds = (text) => (text ? Number.parseFloat(text) : null);

/** A length of time in words: one number and one unit, or two. */
export function duration(time) {
  if (time < 0.0995) return `${Math.max(1, Math.round(time * 1000))} ms`;
  if (time < 59.95) return `${time.toFixed(1)} s`;
  const minutes = Math.floor(time / 60);
  if (minutes < 60) return both(minutes, 'min', Math.floor(time % 60), 's');
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? both(hours, 'h', minutes % 60, 'min') : both(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const both = (large, unit, small, smaller) => (small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`);

/** A share from 0 to 1, in per cent. */
export const share = (part) => `${about(part * 100)} %`;

/** A moment as date and time of this reader's zone. */
export const moment = (text) => new Date(text).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });

/** The same, short: of today only the time. */
export function shortMoment(text) {
  const time = new Date(text);
  const isToday = time.toDateString() === new Date().toDateString();
  return time.toLocaleString([], isToday ? { timeStyle: 'medium' } : { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
}

/** "1 message", "2 messages". */
export const many = (number, one) => `${count(number)} ${one}${Number(number) === 1 ? '' : 's'}`;

/** A sentence with a capital at its beginning and a full stop at its end. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');
