"""A client of WatchCounts that keeps what it is told, and can go on where it was cut off."""

from checks import check_that
from tweetcounts.v1 import tweet_counts_pb2 as api


class Watcher:
    """What is known of the watched messages, by their ids: retweets, likes and revision."""

    def __init__(self, **request):
        self._request = request
        self.known = {}
        self.resume = None
        self.is_synced = False
        self.first = None

    def start(self, service, timeout):
        """Begins a watch, or goes on with it."""
        epoch, revision = self.resume or ("", 0)
        self.is_synced = False
        self.first = None
        return service.WatchCounts(api.WatchCountsRequest(resume_epoch=epoch, resume_revision=revision, **self._request), timeout=timeout)

    def take(self, message):
        """Takes over one message of the stream."""
        self.first = self.first or message
        if message.reset:
            self.known.clear()
        for counts in message.counts:
            before = self.known.get(counts.message_id, (0, 0, 0))[2]
            if counts.revision < before:
                check_that(f"revisions of message {counts.message_id} only grow", False, counts.revision, f"{before} or more")
            self.known[counts.message_id] = counts.retweets, counts.likes, counts.revision
        for message_id in message.removed_message_ids:
            self.known.pop(message_id, None)
        self.is_synced |= message.synced
        if self.is_synced:
            # Before that, a part of what was promised is still to come.
            self.resume = message.freshness.epoch, message.freshness.revision

    def counts(self):
        """Retweets and likes, by message id."""
        return {message_id: known[:2] for message_id, known in self.known.items()}
