// Calls of the service: its addresses, the reader's key, and what goes wrong, in words.

const KEY = 'tweetcounts-key';

/** Why a call failed, in words that say what to do. */
export class CallError extends Error {
  /** @param kind gone: nobody answers; key: no key, or one that is not known; right: the key lacks it; refused: anything else that the service says. */
  constructor(kind, message, { retryAfter = 0, usedKey = null } = {}) {
    super(message);
    this.kind = kind;
    /** How many seconds the service asks to wait. */
    this.retryAfter = retryAfter;
    /** The key that was sent; null: none. */
    this.usedKey = usedKey;
  }
}

/** The reader's key, which is kept as long as the tab. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/**
 * Sends a request, and gives the response, whose body has not been read.
 * @param path Such as v1/status, with its query.
 * @param options method, headers and signal, as of fetch.
 */
export async function send(path, options = {}) {
  const headers = { ...options.headers };
  const usedKey = key.get();
  if (usedKey) headers.Authorization = `Bearer ${usedKey}`;
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), { ...options, headers, cache: 'no-store', credentials: 'same-origin' });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new CallError('gone', `The service at ${location.host} does not answer. This page goes on trying.`);
  }

  if (response.ok || response.status === 304) return response;
  throw await errorOf(response, usedKey);
}

/** Sends a request, and gives what the answer says. */
export async function call(path, options) {
  const response = await send(path, options);
  return response.json();
}

async function errorOf(response, usedKey) {
  const kind = { 401: 'key', 403: 'right' }[response.status] ?? 'refused';
  const more = { retryAfter: Number(response.headers.get('Retry-After')) || 0, usedKey };
  try {
    const problem = await response.json();
    return new CallError(kind, kind === 'key' && usedKey === null ? 'The service asks for an API key.' : problem.detail, more);
  } catch {
    // A proxy before the service says so.
    return new CallError('gone', `${location.host} answers with HTTP error ${response.status}, which is not from the service itself. This page goes on trying.`, more);
  }
}
