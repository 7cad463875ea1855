"""Every unary method of the service, and every error that it can answer with while its database is there.

Message n of 20 has n retweets; message 3 has 100 likes too, and message 1 has -1 retweets."""

import sys
import time

import grpc
from google.protobuf.duration_pb2 import Duration

from checks import check, check_error, check_that, finish, sql
from tweetcounts.v1 import tweet_counts_pb2 as api
from tweetcounts.v1 import tweet_counts_pb2_grpc as api_grpc

INVALID = grpc.StatusCode.INVALID_ARGUMENT
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
OUT_OF_RANGE = grpc.StatusCode.OUT_OF_RANGE
PATIENCE = 20

channel = grpc.insecure_channel(sys.argv[1])
service = api_grpc.TweetCountsServiceStub(channel)


def get_counts(message_id, timeout=PATIENCE, **requirement):
    request = api.GetCountsRequest(message_id=message_id, read=api.ReadOptions(**requirement) if requirement else None)
    return service.GetCounts(request, timeout=timeout)


def batch(message_ids, **options):
    return service.BatchGetCounts(api.BatchGetCountsRequest(message_ids=message_ids), timeout=PATIENCE, **options)


def top(**request):
    return service.ListTopCounts(api.ListTopCountsRequest(**request), timeout=PATIENCE)


def get_message(message_id):
    return service.GetMessage(api.GetMessageRequest(message_id=message_id), timeout=PATIENCE)


def values(counts):
    return counts.message_id, counts.retweets, counts.likes


def check_freshness(method, freshness):
    check(f"{method}: freshness has a state", freshness.state, api.FEED_STATE_LIVE)
    check_that(f"{method}: freshness has an epoch and a revision", freshness.epoch and freshness.revision > 0, freshness, "both")
    check_that(f"{method}: freshness has an age", 0 <= freshness.age.ToMilliseconds() < 60_000, freshness.age, "below a minute")


def answers():
    reply = get_counts(3)
    check("GetCounts: counts", values(reply.counts), (3, 3, 100))
    check_that("GetCounts: revision of the counts", 0 < reply.counts.revision <= reply.freshness.revision, reply, "at most that of the freshness")
    check_freshness("GetCounts", reply.freshness)
    check("GetCounts: below zero", values(get_counts(1).counts), (1, -1, 0))

    reply = batch([7, 999, 2, 7, 1000])
    check("BatchGetCounts: counts, in the order of the request", [values(c) for c in reply.counts], [(7, 7, 0), (2, 2, 0), (7, 7, 0)])
    check("BatchGetCounts: missing ids", list(reply.missing_message_ids), [999, 1000])
    check_freshness("BatchGetCounts", reply.freshness)
    reply = batch(range(1, 10_001), compression=grpc.Compression.Gzip)
    check("BatchGetCounts: as many ids as are allowed, compressed", (len(reply.counts), len(reply.missing_message_ids)), (20, 9_980))

    check("ListTopCounts: by likes", values(top(order_by=api.TOP_ORDER_LIKES, limit=1).counts[0]), (3, 3, 100))
    check("ListTopCounts: by retweets", [c.message_id for c in top(order_by=api.TOP_ORDER_RETWEETS, limit=3).counts], [20, 19, 18])
    check("ListTopCounts: by both", [c.message_id for c in top(order_by=api.TOP_ORDER_TOTAL, limit=3).counts], [3, 20, 19])
    reply = top()
    check("ListTopCounts: by both, 10 messages, where nothing else is said", [c.message_id for c in reply.counts], [3, *range(20, 11, -1)])
    check_freshness("ListTopCounts", reply.freshness)

    sql("insert into tweet.activity (messageid, action, datetime) values (3, 'de-fav', '2020-02-29 12:00+00'), (3, 'fav', '2020-03-01 12:00+00')")
    days = service.ListDailyCounts(api.ListDailyCountsRequest(to="2020-03-01", read=api.ReadOptions(strong=True)), timeout=PATIENCE)
    check("ListDailyCounts: days", [(d.day, d.retweets, d.undone_retweets, d.likes, d.undone_likes) for d in days.days], [("2020-02-29", 0, 0, 0, 1), ("2020-03-01", 0, 0, 1, 0)])
    check("ListDailyCounts: time zone", days.time_zone, "UTC")
    check_freshness("ListDailyCounts", days.freshness)

    reply = get_message(3)
    check("GetMessage: id, author, text", (reply.message_id, reply.author, reply.text), (3, "Puck", "message 3"))
    check("GetMessage: counts", values(reply.counts), (3, 3, 100))
    check_that("GetMessage: time", abs(reply.posted_at.ToSeconds() - time.time()) < 600, reply.posted_at, "minutes ago at most")
    check_freshness("GetMessage", reply.freshness)

    reply = service.GetStatus(api.GetStatusRequest(), timeout=PATIENCE)
    check("GetStatus: state, detail, messages", (reply.state, reply.detail, reply.messages), (api.FEED_STATE_LIVE, "", 20))
    check_that("GetStatus: snapshot", reply.snapshot.count(":") == 2, reply.snapshot, "xmin:xmax:xip")
    check_that("GetStatus: server version", reply.server_version[:1].isdigit(), reply.server_version, "a version")
    check_that("GetStatus: drains and uptime", reply.drains > 0 and reply.uptime.ToMilliseconds() > 0, reply, "more than none")

    calls = [service.GetCounts.future(api.GetCountsRequest(message_id=1 + n % 20), timeout=PATIENCE) for n in range(500)]
    check("GetCounts: 500 calls at once on one connection", [call.result().counts.message_id for call in calls], [1 + n % 20 for n in range(500)])


def requirements():
    for n in range(10):
        sql("insert into tweet.activity (messageid, action) values (5, 'rt')")
        retweets = int(sql("select rts from tweet.message_with_counters where messageid = 5"))
        reply = get_counts(5, strong=True) if n % 2 else get_counts(5, max_age=Duration())
        check(f"GetCounts: {'strong' if n % 2 else 'max_age of zero'} after a commit", reply.counts.retweets, retweets)

    check("GetCounts: max_age of an hour", get_counts(3, max_age=Duration(seconds=3600)).counts.likes, 100)
    reply = get_counts(3, max_age=Duration(seconds=1))
    check_that("GetCounts: max_age of a second", reply.freshness.age.ToMilliseconds() < 1000, reply.freshness.age, "below a second")

    sql("begin")
    sql("insert into tweet.activity (messageid, action) values (6, 'fav')")
    xid = int(sql("select pg_current_xact_id()"))
    in_progress = f"transaction {xid} is still in progress"
    check_error("GetCounts: at_least_xid of one in progress", lambda: get_counts(6, at_least_xid=xid), FAILED_PRECONDITION, in_progress)
    check("GetCounts: nothing uncommitted is seen", values(get_counts(6, strong=True).counts), (6, 6, 0))
    waiting = service.GetCounts.future(api.GetCountsRequest(message_id=6, read=api.ReadOptions(at_least_xid=xid)), timeout=PATIENCE)
    sql("commit")
    check("GetCounts: at_least_xid of a transaction that commits meanwhile", values(waiting.result().counts), (6, 6, 1))

    sql("begin")
    sql("insert into tweet.activity (messageid, action) values (6, 'fav')")
    xid = int(sql("select pg_current_xact_id()"))
    sql("rollback")
    check("GetCounts: at_least_xid of a transaction that was rolled back", values(get_counts(6, at_least_xid=xid).counts), (6, 6, 1))

    for method, call in {
        "BatchGetCounts": lambda read: service.BatchGetCounts(api.BatchGetCountsRequest(message_ids=[6], read=read), timeout=PATIENCE).counts[0],
        "GetMessage": lambda read: service.GetMessage(api.GetMessageRequest(message_id=6, read=read), timeout=PATIENCE).counts,
    }.items():
        for read in api.ReadOptions(strong=True), api.ReadOptions(at_least_xid=xid), api.ReadOptions(max_age=Duration()):
            check(f"{method}: {read.WhichOneof('requirement')}", values(call(read)), (6, 6, 1))


def round_the_cache():
    from_database = api.ReadOptions(source=api.READ_SOURCE_DATABASE)
    # The cache never hears of this one.
    sql("begin")
    sql("insert into tweet.activity (messageid, action) values (8, 'fav')")
    sql("delete from twcache.change where xid = pg_current_xact_id()")
    sql("commit")
    check("GetCounts: the cache is wrong", values(get_counts(8, strong=True).counts), (8, 8, 0))
    for method, call in {
        "GetCounts": lambda: service.GetCounts(api.GetCountsRequest(message_id=8, read=from_database), timeout=PATIENCE),
        "GetMessage": lambda: service.GetMessage(api.GetMessageRequest(message_id=8, read=from_database), timeout=PATIENCE),
    }.items():
        reply = call()
        check(f"{method}: counts from the database", values(reply.counts), (8, 8, 1))
        check(f"{method}: where they are from", (reply.freshness.source, reply.freshness.epoch, reply.freshness.revision), (api.READ_SOURCE_DATABASE, "", 0))
    reply = service.BatchGetCounts(api.BatchGetCountsRequest(message_ids=[999, 8, 3], read=from_database), timeout=PATIENCE)
    check("BatchGetCounts: counts from the database", [values(c) for c in reply.counts], [(8, 8, 1), (3, 3, 100)])
    check("BatchGetCounts: missing in the database", (list(reply.missing_message_ids), reply.freshness.source), ([999], api.READ_SOURCE_DATABASE))
    check("GetCounts: of the cache no source is told", get_counts(3).freshness.source, api.READ_SOURCE_UNSPECIFIED)
    check_error("GetCounts: unknown source", lambda: get_counts(3, source=7), INVALID, "READ_SOURCE_DATABASE")

    reply = service.ReloadNow(api.ReloadNowRequest(), timeout=PATIENCE)
    check("ReloadNow: messages and state", (reply.messages, reply.freshness.state), (20, api.FEED_STATE_LIVE))
    check_that("ReloadNow: duration", 0 < reply.duration.ToMilliseconds() < 60_000, reply.duration, "below a minute")
    check("GetCounts: after the reload", values(get_counts(8).counts), (8, 8, 1))


def errors():
    check_error("GetCounts: unknown message", lambda: get_counts(999), grpc.StatusCode.NOT_FOUND, "there is no message 999")
    check_error("GetMessage: unknown message", lambda: get_message(999), grpc.StatusCode.NOT_FOUND, "there is no message 999")

    for message_id in 0, -1, -2**63:
        check_error(f"GetCounts: id {message_id}", lambda: get_counts(message_id), INVALID, f"message_id is {message_id}")
        check_error(f"GetMessage: id {message_id}", lambda: get_message(message_id), INVALID, f"message_id is {message_id}")
        check_error(f"BatchGetCounts: id {message_id}", lambda: batch([1, message_id]), INVALID, f"message_ids[1] is {message_id}")
    check_error("BatchGetCounts: no ids", lambda: batch([]), INVALID, "message_ids is empty")
    check_error("BatchGetCounts: one id too many", lambda: batch(range(1, 10_002)), INVALID, "at most 10000")

    for limit in -1, 1_001, -2**31, 2**31 - 1:
        check_error(f"ListTopCounts: limit {limit}", lambda: top(limit=limit), INVALID, "1 to 1000")
    check_error("ListTopCounts: unknown order", lambda: top(order_by=77), INVALID, "TOP_ORDER_LIKES")

    check_error("ListDailyCounts: no day", lambda: service.ListDailyCounts(api.ListDailyCountsRequest(**{"from": "today"}), timeout=PATIENCE), INVALID, "from is no day")

    for max_age in Duration(seconds=-1), Duration(nanos=-1), Duration(nanos=1_000_000_000), Duration(seconds=2**63 - 1):
        check_error(f"GetCounts: max_age of {max_age.seconds} s and {max_age.nanos} ns", lambda: get_counts(1, max_age=max_age), INVALID, "max_age")
    check_error("GetCounts: at_least_xid 0", lambda: get_counts(1, at_least_xid=0), INVALID, "pg_current_xact_id")
    for xid in int(sql("select pg_snapshot_xmax(pg_current_snapshot())")) + 1_000_000, 2**40, 2**64 - 1:
        check_error(f"GetCounts: at_least_xid {xid}, never assigned", lambda: get_counts(1, at_least_xid=xid), OUT_OF_RANGE, "has not assigned")

    unknown = channel.unary_unary("/tweetcounts.v1.TweetCountsService/Nothing", request_serializer=bytes, response_deserializer=bytes)
    check_error("a method that does not exist", lambda: unknown(b"", timeout=PATIENCE), grpc.StatusCode.UNIMPLEMENTED, "")
    check("GetCounts: still answers", values(get_counts(3).counts), (3, 3, 100))


answers()
requirements()
round_the_cache()
errors()
finish()
