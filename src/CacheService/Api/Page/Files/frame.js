// What is to be shown is shown once a frame, however often it changes in between. A hidden page has no frames.

const waiting = new Set();

/** Has a function run with the next frame; one that waits already runs once. */
export function nextFrame(show) {
  if (waiting.size === 0) requestAnimationFrame(showAll);
  waiting.add(show);
}

function showAll(now) {
  const all = [...waiting];
  waiting.clear();
  for (const show of all) show(now);
}

/** Sets an element's text, and touches the document only where it is another. */
export function setText(element, text) {
  if (element.firstChild?.data !== text) element.textContent = text;
}

/** Makes an element with a class and a text, both of which may be left out. */
export function make(tag, className = '', text = '') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
