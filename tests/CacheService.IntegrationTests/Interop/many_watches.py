"""Many watches over one channel, which is one connection, and other calls beside them."""

import sys

import grpc

from checks import check, check_that, finish, sql
from tweetcounts.v1 import tweet_counts_pb2 as api
from tweetcounts.v1 import tweet_counts_pb2_grpc as api_grpc

PATIENCE = 50
WATCHES = int(sys.argv[2])

service = api_grpc.TweetCountsServiceStub(grpc.insecure_channel(sys.argv[1]))

streams = [service.WatchCounts(api.WatchCountsRequest(message_ids=[1 + n % 20]), timeout=PATIENCE) for n in range(WATCHES)]
firsts = [next(stream) for stream in streams]
check("every watch is answered", [(first.synced, len(first.counts)) for first in firsts], [(True, 1)] * WATCHES)
status = service.GetStatus(api.GetStatusRequest(), timeout=PATIENCE)
check("GetStatus is answered beside them", status.watchers, WATCHES)
sql("insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message")
likes = [next(stream).counts[0].likes - first.counts[0].likes for stream, first in zip(streams, firsts)]
check("every watch hears of a change", likes, [1] * WATCHES)
answers = [service.GetCounts(api.GetCountsRequest(message_id=3), timeout=PATIENCE).counts.likes for _ in range(100)]
check_that("reads are answered beside them", answers == [101] * 100, answers, "101 each time")
for stream in streams:
    stream.cancel()
finish()
