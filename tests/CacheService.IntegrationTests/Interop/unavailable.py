"""What a service says that cannot reach its database: argument 2 is "starting" where it never could, else "stale"."""

import sys

import grpc
from google.protobuf.duration_pb2 import Duration

from checks import check, check_error, check_that, finish
from tweetcounts.v1 import tweet_counts_pb2 as api
from tweetcounts.v1 import tweet_counts_pb2_grpc as api_grpc

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
# The service gives up before: Limits:MaxReadWait.
DEADLINE = 30

service = api_grpc.TweetCountsServiceStub(grpc.insecure_channel(sys.argv[1]))
state = sys.argv[2]


def start_reads(read=None):
    """Starts a call of each method, so that they wait together; answers how to wait for each."""
    calls = {
        "GetCounts": service.GetCounts.future(api.GetCountsRequest(message_id=1, read=read), timeout=DEADLINE),
        "BatchGetCounts": service.BatchGetCounts.future(api.BatchGetCountsRequest(message_ids=[1, 2], read=read), timeout=DEADLINE),
        "GetMessage": service.GetMessage.future(api.GetMessageRequest(message_id=1, read=read), timeout=DEADLINE),
    }
    return {method: call.result for method, call in calls.items()}


requirements = [api.ReadOptions(strong=True), api.ReadOptions(max_age=Duration()), api.ReadOptions(at_least_xid=2**40)]
for read, calls in [(read, start_reads(read)) for read in requirements]:
    for method, call in calls.items():
        check_error(f"{method}: {read.WhichOneof('requirement')}", call, UNAVAILABLE, f"{state}:")

plain = start_reads()
if state == "starting":
    for method, call in plain.items():
        check_error(method, call, UNAVAILABLE, "starting:")
    check_error("WatchCounts", lambda: next(service.WatchCounts(api.WatchCountsRequest(all=True), timeout=DEADLINE)), UNAVAILABLE, "starting:")
    check_error("ListTopCounts", lambda: service.ListTopCounts(api.ListTopCountsRequest(), timeout=DEADLINE), UNAVAILABLE, "starting:")
else:
    check("GetCounts: state", plain["GetCounts"]().freshness.state, api.FEED_STATE_STALE)
    check("BatchGetCounts: state", plain["BatchGetCounts"]().freshness.state, api.FEED_STATE_STALE)
    check_error("GetMessage", plain["GetMessage"], UNAVAILABLE, "the database cannot be asked")

status = service.GetStatus(api.GetStatusRequest(), timeout=DEADLINE)
check("GetStatus: state", status.state, api.FEED_STATE_STARTING if state == "starting" else api.FEED_STATE_STALE)
check_that("GetStatus: why", status.detail.startswith(f"{state}:"), status.detail, f"{state}: …")
check("GetStatus: epoch, only of what was loaded", status.epoch == "", state == "starting")
finish()
