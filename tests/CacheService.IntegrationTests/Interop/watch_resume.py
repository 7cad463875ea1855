"""A watch that is cut off again and again while others write, and goes on each time: in the end it knows what the database knows.

Argument 2 is "ids" for a watch of some messages, "all" for one of everything; argument 3 seeds the choices."""

import json
import random
import sys
import threading

import grpc

from checks import check, check_that, finish, sql
from forwarder import Forwarder
from tweetcounts.v1 import tweet_counts_pb2 as api
from tweetcounts.v1 import tweet_counts_pb2_grpc as api_grpc
from watcher import Watcher

ROUNDS = 24
PATIENCE = 20
LASTING = range(1, 13)
COMING_AND_GOING = range(101, 105)
WATCHED = [*LASTING, *COMING_AND_GOING, 999]

kind, seed = sys.argv[2], int(sys.argv[3])
choices = random.Random(seed)
forwarder = Forwarder(sys.argv[1])


class Writer(threading.Thread):
    """Writes for as long as it may: counts up and down, messages that come and go."""

    def __init__(self):
        super().__init__(daemon=True)
        self._choices = random.Random(seed + 1)
        self._progress = threading.Condition()
        self._written = 0
        self._is_stopping = False

    def run(self):
        while not self._is_stopping:
            sql(self._statement())
            with self._progress:
                self._written += 1
                self._progress.notify_all()

    def let_write(self, more):
        """Waits until more statements are through."""
        with self._progress:
            goal = self._written + more
            check_that(f"the writer writes {more} times", self._progress.wait_for(lambda: self._written >= goal, PATIENCE), self._written, goal)

    def stop(self):
        """Ends it, and answers how often it has written."""
        self._is_stopping = True
        self.join(PATIENCE)
        return self._written

    def _statement(self):
        if self._choices.random() < 0.2:
            message_id = self._choices.choice(COMING_AND_GOING)
            return f"""
                with gone as (delete from tweet.message where messageid = {message_id} returning messageid)
                insert into tweet.message (messageid, userid, message) select {message_id}, userid, 'again' from tweet.users
                where not exists (select from tweet.message where messageid = {message_id})"""
        action = self._choices.choice(["rt", "rt", "fav", "fav", "de-rt", "de-fav"])
        messages = [self._choices.choice(WATCHED) for _ in range(self._choices.randint(1, 4))] + [self._choices.randint(13, 20)]
        return f"""
            insert into tweet.activity (messageid, action)
            select messageid, '{action}' from tweet.message where messageid = any (array{messages})"""


def open_channel():
    # Of its own: otherwise channels share connections, and the pauses after failures.
    return grpc.insecure_channel(forwarder.address, options=[("grpc.use_local_subchannel_pool", 1)])


def watch_and_cut(watcher, how):
    """Watches for some messages, sometimes not even to the end of the initial state, until it is cut off."""
    channel = open_channel()
    stream = watcher.start(api_grpc.TweetCountsServiceStub(channel), PATIENCE)
    for _ in range(choices.choice([0, 1, 2, 5, 20])):
        watcher.take(next(stream))
    if how == "cancel":
        stream.cancel()
    elif how == "close":
        channel.close()
    else:
        forwarder.cut()
    try:
        for message in stream:
            # What was under way. Some of it is not looked at, as by a client that ends.
            if choices.random() < 0.5:
                break
            watcher.take(message)
    except grpc.RpcError as error:
        expected = {"cancel": grpc.StatusCode.CANCELLED, "close": grpc.StatusCode.CANCELLED, "cut": grpc.StatusCode.UNAVAILABLE}[how]
        if error.code() != expected:
            check(f"the end of the stream after {how}", f"{error.code()}: {error.details()}", expected.name)
    channel.close()


def main():
    watcher = Watcher(all=True) if kind == "all" else Watcher(message_ids=WATCHED)
    writer = Writer()
    writer.start()
    for n in range(ROUNDS):
        resume = watcher.resume
        how = choices.choice(["cancel", "close", "cut"])
        watch_and_cut(watcher, how)
        if watcher.first is not None:
            check(f"round {n}, {how}: resets only where it began anew", watcher.first.reset, resume is None)
        if resume is not None and watcher.first is not None:
            old = [counts.message_id for counts in watcher.first.counts if counts.revision <= resume[1]]
            check(f"round {n}, {how}: nothing is sent again", old, [])
        if choices.random() < 0.7:
            writer.let_write(choices.choice([1, 10, 50]))
    written = writer.stop()

    channel = open_channel()
    service = api_grpc.TweetCountsServiceStub(channel)
    service.GetCounts(api.GetCountsRequest(message_id=1, read=api.ReadOptions(strong=True)), timeout=PATIENCE)
    stream = watcher.start(service, PATIENCE)
    while not watcher.is_synced:
        watcher.take(next(stream))
    truth = json.loads(sql("select json_object_agg(messageid, json_build_array(rts, favs)) from tweet.message_with_counters"))
    expected = {int(message_id): tuple(counts) for message_id, counts in truth.items() if kind == "all" or int(message_id) in WATCHED}
    check("the last watch goes on too", watcher.first.reset, False)
    check(f"after {written} statements and {ROUNDS} cuts the watch knows what the database knows", watcher.counts(), expected)
    stream.cancel()
    channel.close()


main()
finish()
