// Counts read and watched, and some of the errors that the service can answer with. Message n of 20 has n retweets; message 3 has 100 likes too.
'use strict';

const { call, cancel, check, checkError, connect, deadline, grpc, load, reader, run, sql } = require('./checks');

const service = connect(load('tweetcounts/v1/tweet_counts.proto', 'tweetcounts.v1').TweetCountsService);

function values(counts) {
  return [counts.messageId, counts.retweets, counts.likes];
}

async function reads() {
  const one = await call(service, 'getCounts', { messageId: 3 });
  check('GetCounts: counts', values(one.counts), [3, 3, 100]);
  check('GetCounts: state', one.freshness.state, 'FEED_STATE_LIVE');
  const many = await call(service, 'batchGetCounts', { messageIds: [7, 999, 2] });
  check('BatchGetCounts: counts', many.counts.map(values), [[7, 7, 0], [2, 2, 0]]);
  check('BatchGetCounts: missing', many.missingMessageIds, [999]);
  const top = await call(service, 'listTopCounts', { orderBy: 'TOP_ORDER_LIKES', limit: 1 });
  check('ListTopCounts', top.counts.map(values), [[3, 3, 100]]);
  check('GetStatus: messages', (await call(service, 'getStatus', {})).messages, 20);

  await sql("insert into tweet.activity (messageid, action) values (5, 'fav')");
  const strong = await call(service, 'getCounts', { messageId: 5, read: { strong: true } });
  check('GetCounts, strong, after a write', values(strong.counts), [5, 5, 1]);
}

async function errors() {
  await checkError('GetCounts: unknown message', call(service, 'getCounts', { messageId: 999 }), grpc.status.NOT_FOUND, '999');
  await checkError('GetCounts: bad id', call(service, 'getCounts', { messageId: 0 }), grpc.status.INVALID_ARGUMENT, 'message_id');
  await checkError('BatchGetCounts: no ids', call(service, 'batchGetCounts', {}), grpc.status.INVALID_ARGUMENT, 'message_ids');
}

async function watches() {
  const stream = service.watchCounts({ messageIds: [4] }, deadline());
  const next = reader(stream);
  let last;
  async function until(likes) {
    while (last?.likes !== likes) {
      last = (await next()).counts.at(-1) ?? last;
    }
    check(`WatchCounts: ${likes} likes`, values(last), [4, 4, likes]);
  }

  await until(0);
  for (const likes of [1, 2]) {
    await sql("insert into tweet.activity (messageid, action) values (4, 'fav')");
    await until(likes);
  }
  cancel(stream);
}

run(async () => {
  await reads();
  await errors();
  await watches();
});
