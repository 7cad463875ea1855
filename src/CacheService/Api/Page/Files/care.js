// What the operator can have the service do: an audit, and a reload.

import { count, duration, many, moment, seconds, sentence } from './format.js';
import { make, setText } from './frame.js';
import { call } from './service.js';

const MOST_DIFFERENCES = 10;

/** The buttons, and what came of them. */
export class Care {
  #audit = document.getElementById('audit');
  #reload = document.getElementById('reload');
  #dialog = document.getElementById('reload-dialog');
  #last = document.getElementById('audit-last');
  #result = document.getElementById('care-result');
  #isBusy = false;
  #failed;

  /** @param failed Is called with the error of a call that failed. */
  constructor(failed) {
    this.#failed = failed;
    this.#audit.addEventListener('click', () => this.#run('Auditing …', 'v1/audit', linesOfAudit));
    this.#reload.addEventListener('click', () => this.#dialog.showModal());
    document.getElementById('reload-confirm').addEventListener('click', () => {
      this.#dialog.close();
      this.#run('Loading afresh …', 'v1/reload', linesOfReload);
    });
  }

  /** Tells of the last audit. */
  tellStatus(status) {
    const last = status.lastAuditAt ? `Last audit ${moment(status.lastAuditAt)}, took ${duration(seconds(status.lastAuditDuration))}.` : 'No audit since the service started.';
    setText(this.#last, last);
  }

  async #run(doing, path, linesOf) {
    if (this.#isBusy) return;
    this.#setBusy(true);
    this.#tell([doing]);
    try {
      this.#tell(linesOf(await call(path, { method: 'POST' })));
    } catch (error) {
      this.#tell([sentence(error.message)], 'trouble');
      this.#failed(error);
    } finally {
      this.#setBusy(false);
    }
  }

  // Not disabled, because that takes the focus away from who has pressed it.
  #setBusy(isBusy) {
    this.#isBusy = isBusy;
    for (const button of [this.#audit, this.#reload]) button.ariaDisabled = String(isBusy);
  }

  #tell(lines, className = '') {
    this.#result.className = `result ${className}`;
    this.#result.replaceChildren(...lines.map((line) => make('p', '', line)));
  }
}

function linesOfAudit(audit) {
  const differences = Number(audit.differences);
  const lines = [
    `${many(audit.messages, 'message')} compared with the tables in ${duration(seconds(audit.duration))}: `
      + (differences === 0 ? 'all counts are right.' : `${many(differences, 'message')} differed, ${count(audit.repaired)} corrected.`),
  ];
  for (const { messageId, expected, actual } of audit.firstDifferences.slice(0, MOST_DIFFERENCES)) {
    lines.push(`Message ${messageId}: the database has ${pair(expected)}, the cache had ${pair(actual)}.`);
  }

  if (differences > MOST_DIFFERENCES) lines.push(`And ${count(differences - MOST_DIFFERENCES)} more.`);
  if (Number(audit.uncompared) > 0) lines.push(`${many(audit.uncompared, 'message')} could not be compared, because counting took too long (Audit:MaxMessageTime).`);
  if (Number(audit.dayDifferences) > 0) lines.push(`${many(audit.dayDifferences, 'day')} differed, and were corrected.`);
  if (audit.daysUncompared) lines.push(sentence(audit.daysUncompared));
  if (audit.triggersWarning) lines.push(sentence(audit.triggersWarning));
  return lines;
}

const linesOfReload = (reload) => [`${many(reload.messages, 'message')} loaded afresh in ${duration(seconds(reload.duration))}. The other caches follow by themselves.`];

const pair = (counts) => (counts ? `${many(counts.retweets, 'retweet')} and ${many(counts.likes, 'like')}` : 'no such message');
