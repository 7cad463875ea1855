"""What a single watch says, and the errors that it can end in. The service has room for two watches."""

import sys

import grpc
from google.protobuf.duration_pb2 import Duration

from checks import check, check_error, check_that, finish, sql
from tweetcounts.v1 import tweet_counts_pb2 as api
from tweetcounts.v1 import tweet_counts_pb2_grpc as api_grpc
from watcher import Watcher

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PATIENCE = 20

service = api_grpc.TweetCountsServiceStub(grpc.insecure_channel(sys.argv[1]))


def follow(watcher, stream, holds):
    """Takes messages until a condition holds."""
    while not holds():
        watcher.take(next(stream))


def one_watch():
    watcher = Watcher(message_ids=[3, 7, 999])
    stream = watcher.start(service, PATIENCE)
    follow(watcher, stream, lambda: watcher.is_synced)
    check("the first message resets", watcher.first.reset, True)
    check("the initial state", watcher.counts(), {3: (3, 100), 7: (7, 0)})

    sql("insert into tweet.activity (messageid, action) values (7, 'rt'), (7, 'fav'), (8, 'fav')")
    follow(watcher, stream, lambda: watcher.counts()[7] == (8, 1))
    sql("insert into tweet.message (messageid, userid, message) select 999, userid, 'late' from tweet.users")
    follow(watcher, stream, lambda: 999 in watcher.known)
    sql("delete from tweet.message where messageid = 7")
    follow(watcher, stream, lambda: 7 not in watcher.known)
    check("a change, a new message, a deleted one", watcher.counts(), {3: (3, 100), 999: (0, 0)})

    sql("delete from tweet.message where messageid = 999")
    stream.cancel()
    check_that("a cancelled watch", stream.code() == grpc.StatusCode.CANCELLED, stream.code(), "CANCELLED")
    service.GetCounts(api.GetCountsRequest(message_id=3, read=api.ReadOptions(strong=True)), timeout=PATIENCE)
    stream = watcher.start(service, PATIENCE)
    follow(watcher, stream, lambda: watcher.is_synced)
    check("a watch that goes on does not reset", watcher.first.reset, False)
    check("a watch that goes on is told what was deleted meanwhile", watcher.counts(), {3: (3, 100)})
    stream.cancel()

    epoch, revision = watcher.resume
    watcher.resume = epoch, 2**64 - 1
    check_error("a watch that was told of more than there is", lambda: next(watcher.start(service, PATIENCE)), grpc.StatusCode.UNAVAILABLE, "behind")
    watcher.resume = "none", revision
    stream = watcher.start(service, PATIENCE)
    follow(watcher, stream, lambda: watcher.is_synced)
    check("a watch that cannot go on resets", (watcher.first.reset, watcher.counts()), (True, {3: (3, 100)}))
    stream.cancel()

    watcher = Watcher(all=True, heartbeat=Duration(nanos=20_000_000))
    stream = watcher.start(service, PATIENCE)
    follow(watcher, stream, lambda: watcher.is_synced)
    check("the initial state of everything", len(watcher.known), 19)
    for message in next(stream), next(stream):
        told = len(message.counts), message.reset, message.freshness.state
        check("a heartbeat brings the freshness alone", told, (0, False, api.FEED_STATE_LIVE))
    stream.cancel()


def errors():
    def first(**request):
        return lambda: next(service.WatchCounts(api.WatchCountsRequest(**request), timeout=PATIENCE))

    check_error("neither ids nor all", first(), INVALID, "neither message_ids nor all")
    check_error("both ids and all", first(message_ids=[1], all=True), INVALID, "both set")
    check_error("id 0", first(message_ids=[1, 0]), INVALID, "message_ids[1] is 0")
    check_error("one id too many", first(message_ids=range(1, 10_002)), INVALID, "at most 10000")
    check_error("a negative interval", first(all=True, min_interval=Duration(seconds=-1)), INVALID, "min_interval")
    check_error("a heartbeat of nothing", first(all=True, heartbeat=Duration()), INVALID, "heartbeat")


def too_many():
    # Watches that were cancelled may hold their places for a moment: as many refusals as it takes.
    def open_two():
        streams = [service.WatchCounts(api.WatchCountsRequest(message_ids=[3]), timeout=PATIENCE) for _ in range(2)]
        try:
            for stream in streams:
                next(stream)
            return streams
        except grpc.RpcError as error:
            check("a watch too many, if there are two of before", error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            for stream in streams:
                stream.cancel()
            return None

    while not (streams := open_two()):
        pass
    third = service.WatchCounts(api.WatchCountsRequest(message_ids=[3]), timeout=PATIENCE)
    check_error("a third watch", lambda: next(third), grpc.StatusCode.RESOURCE_EXHAUSTED, "")
    status = service.GetStatus(api.GetStatusRequest(), timeout=PATIENCE)
    check("GetStatus: watchers", status.watchers, 2)
    for stream in streams:
        stream.cancel()


one_watch()
errors()
too_many()
finish()
