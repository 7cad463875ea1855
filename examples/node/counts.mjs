// Reads the counts of some messages, then watches them until Ctrl-C: node counts.mjs [ADDRESS [MESSAGE_ID ...]]
// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

/**
 * @typedef {{ messageId: string, retweets: string, likes: string }} Counts
 * @typedef {{ epoch: string, revision: string }} Point
 * @typedef {Point & { state: string }} Freshness
 * @typedef {{ counts: Counts[], removedMessageIds: string[], reset: boolean, synced: boolean, freshness: Freshness, seen: Point | null }} Told
 */

const PROTOS = fileURLToPath(new URL('../../protos', import.meta.url));
const SHORTEST_PAUSE = 200;
const LONGEST_PAUSE = 5_000;

// What no other attempt can mend.
const HOPELESS = [grpc.status.INVALID_ARGUMENT, grpc.status.PERMISSION_DENIED, grpc.status.UNAUTHENTICATED, grpc.status.UNIMPLEMENTED];

// A network that has fallen silent shows within 20 seconds.
const CHANNEL_OPTIONS = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 10_000 };

/** @param {string} address */
function connect(address) {
  // 64-bit numbers as strings, because JavaScript's have 53 bits.
  const definition = loader.loadSync('tweetcounts/v1/tweet_counts.proto', { includeDirs: [PROTOS], longs: String, enums: String, defaults: true });
  const { tweetcounts } = /** @type {any} */ (grpc.loadPackageDefinition(definition));
  return new tweetcounts.v1.TweetCountsService(address, grpc.credentials.createInsecure(), CHANNEL_OPTIONS);
}

/**
 * One read of several messages: all of one snapshot of the database, with everything that was committed before it.
 * @param {any} service
 * @param {string[]} messageIds
 */
async function read(service, messageIds) {
  const answer = await new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 10_000 };
    service.batchGetCounts({ messageIds, read: { strong: true } }, options, (/** @type {any} */ error, /** @type {any} */ reply) => (error ? reject(error) : resolve(reply)));
  });
  for (const { messageId, retweets, likes } of answer.counts) console.log(`read ${messageId}: ${retweets} retweets, ${likes} likes`);
  for (const messageId of answer.missingMessageIds) console.log(`read ${messageId}: no such message`);
}

/** What a watch has told, and from where the next one goes on. */
class Watch {
  /** @type {Map<string, Counts>} */
  counts = new Map();
  state = '';
  resume = { resumeEpoch: '', resumeRevision: '0' };
  /** @type {Point | null} */
  seen = null;

  /** @param {string[]} messageIds */
  constructor(messageIds) {
    this.messageIds = messageIds;
  }

  /**
   * Follows one stream to its end.
   * @param {any} service
   */
  async follow(service) {
    let isAnew = false;
    let isComplete = false;
    for await (const message of service.watchCounts({ messageIds: this.messageIds, ...this.resume, seen: this.seen })) {
      const told = /** @type {Told} */ (message);
      if (told.reset) {
        // It cannot go on where the last stream ended: everything comes once more.
        this.counts.clear();
        this.resume = { resumeEpoch: '', resumeRevision: '0' };
        isAnew = true;
        console.log('reset');
      }
      for (const counts of told.counts) {
        this.counts.set(counts.messageId, counts);
        console.log(`${counts.messageId}: ${counts.retweets} retweets, ${counts.likes} likes`);
      }
      for (const messageId of told.removedMessageIds) {
        this.counts.delete(messageId);
        console.log(`${messageId}: removed`);
      }
      if (told.freshness.state !== this.state) {
        // STALE: the counts are right as of an earlier time, and do not follow the database for now.
        this.state = told.freshness.state;
        console.log(`state ${this.state.replace('FEED_STATE_', '')}`);
      }
      if (told.synced) {
        isComplete = true;
        console.log(isAnew ? 'synced' : 'resumed');
      }
      if (isComplete) {
        // Before that, a part of what this point promises is still to come.
        this.resume = { resumeEpoch: told.freshness.epoch, resumeRevision: told.freshness.revision };
      }
      if (told.seen || told.freshness.epoch) {
        // Some may be ahead of that point. A service that is behind it would tell older counts, and refuses to.
        this.seen = told.seen ?? { epoch: told.freshness.epoch, revision: told.freshness.revision };
      }
    }
  }
}

const [address = '127.0.0.1:5080', ...ids] = process.argv.slice(2);
const messageIds = ids.length > 0 ? ids : ['1', '2', '3'];
const service = connect(address);
await read(service, messageIds);

const watch = new Watch(messageIds);
for (let pause = SHORTEST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
  const startedAt = Date.now();
  try {
    await watch.follow(service);
  } catch (error) {
    const { code } = /** @type {any} */ (error);
    if (typeof code !== 'number' || HOPELESS.includes(code)) throw error;
    console.log(`disconnected: ${grpc.status[code]}`);
  }
  if (Date.now() - startedAt > LONGEST_PAUSE) pause = SHORTEST_PAUSE;
  await sleep(pause);
}
