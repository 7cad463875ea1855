"""Reads the counts of some messages, then watches them until Ctrl-C: python3 counts.py [ADDRESS [MESSAGE_ID ...]]"""

import sys
import time

import grpc

from tweetcounts.v1 import tweet_counts_pb2 as api
from tweetcounts.v1 import tweet_counts_pb2_grpc as api_grpc

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds

# What no other attempt can mend.
HOPELESS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}

# A network that has fallen silent shows within 20 seconds.
CHANNEL_OPTIONS = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 10_000)]


def say(line):
    print(line, flush=True)


def name_of(state):
    return api.FeedState.Name(state).removeprefix("FEED_STATE_")


def read(service, message_ids):
    """One read of several messages: all of one snapshot of the database, with everything that was committed before it."""
    answer = service.BatchGetCounts(api.BatchGetCountsRequest(message_ids=message_ids, read=api.ReadOptions(strong=True)), timeout=10)
    for counts in answer.counts:
        say(f"read {counts.message_id}: {counts.retweets} retweets, {counts.likes} likes")
    for message_id in answer.missing_message_ids:
        say(f"read {message_id}: no such message")


class Watch:
    """What a watch has told, and from where the next one goes on."""

    def __init__(self, message_ids):
        self.message_ids = message_ids
        self.counts = {}
        self.state = None
        self.epoch, self.revision = "", 0
        self.seen = None

    def follow(self, service):
        """Follows one stream to its end."""
        request = api.WatchCountsRequest(message_ids=self.message_ids, resume_epoch=self.epoch, resume_revision=self.revision, seen=self.seen)
        is_anew = is_complete = False
        for message in service.WatchCounts(request):
            if message.reset:
                # It cannot go on where the last stream ended: everything comes once more.
                self.counts.clear()
                self.epoch, self.revision = "", 0
                is_anew = True
                say("reset")
            for counts in message.counts:
                self.counts[counts.message_id] = counts
                say(f"{counts.message_id}: {counts.retweets} retweets, {counts.likes} likes")
            for message_id in message.removed_message_ids:
                self.counts.pop(message_id, None)
                say(f"{message_id}: removed")
            if message.freshness.state != self.state:
                # STALE: the counts are right as of an earlier time, and do not follow the database for now.
                self.state = message.freshness.state
                say(f"state {name_of(self.state)}")
            if message.synced:
                is_complete = True
                say("synced" if is_anew else "resumed")
            if is_complete:
                # Before that, a part of what this point promises is still to come.
                self.epoch, self.revision = message.freshness.epoch, message.freshness.revision
            if message.HasField("seen"):
                # Some of this is ahead of that point. A service that is behind it would tell older counts, and refuses to.
                self.seen = message.seen
            elif message.freshness.epoch:
                self.seen = api.WatchPoint(epoch=message.freshness.epoch, revision=message.freshness.revision)


def main():
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:5080"
    message_ids = [int(argument) for argument in sys.argv[2:]] or [1, 2, 3]
    with grpc.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        service = api_grpc.TweetCountsServiceStub(channel)
        read(service, message_ids)

        watch = Watch(message_ids)
        pause = SHORTEST_PAUSE
        while True:
            started_at = time.monotonic()
            try:
                watch.follow(service)
            except grpc.RpcError as error:
                if error.code() in HOPELESS:
                    raise
                say(f"disconnected: {error.code().name}")
            if time.monotonic() - started_at > LONGEST_PAUSE:
                pause = SHORTEST_PAUSE
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
