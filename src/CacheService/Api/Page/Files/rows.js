// Lists whose items come and go.

import { make, setText } from './frame.js';

/**
 * Shows one child for each item, in their order. A child stays the same for as long as its item is there, so that the focus stays where it is.
 * @param keyOf What tells an item from the others.
 * @param begin Makes the child of an item.
 * @param fill Brings a child up to date.
 */
export function showEach(parent, items, keyOf, begin, fill) {
  const children = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(items.map((item) => String(keyOf(item))));
  for (const [key, child] of children) {
    if (!keys.has(key)) child.remove();
  }

  let next = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const child = children.get(key) ?? begin(item);
    child.dataset.key = key;
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    fill(child, item);
  }
}

/** Shows pairs of a name and a text, as a list of descriptions. */
export function showFacts(list, facts) {
  showEach(list, facts, ([name]) => name, ([name]) => {
    const fact = make('div');
    fact.append(make('dt', '', name), make('dd'));
    return fact;
  }, (fact, [, text]) => setText(fact.lastElementChild, text));
}

/**
 * Has Tab reach one row, and the arrow keys the others from there: many stops would be a wall.
 * @param rows An element whose children each have a button of the class row, with tabIndex -1.
 * @returns A function to be called when there are other rows.
 */
export function roam(rows) {
  rows.addEventListener('keydown', (event) => {
    const button = event.target.closest('button.row');
    const row = rows.querySelector(':scope > :has(button.row:focus)');
    const next = {
      ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Home: rows.firstElementChild, End: rows.lastElementChild,
    }[event.key]?.querySelector('button.row');
    if (!button || !next) return;
    event.preventDefault();
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return () => {
    const first = rows.querySelector('button.row[tabindex="0"]') ?? rows.querySelector('button.row');
    if (first) first.tabIndex = 0;
  };
}
