// Reads the counts of some messages, then watches them until Ctrl-C: dotnet run -- [ADDRESS [MESSAGE_ID ...]]
using System.Globalization;
using CacheService.Client;

var address = args is [var first, ..] ? first : "http://127.0.0.1:5080";
long[] messageIds = args.Length > 1 ? [.. args[1..].Select(id => long.Parse(id, CultureInfo.InvariantCulture))] : [1, 2, 3];

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};

using var client = new TweetCountsClient(new TweetCountsClientOptions { Addresses = { new Uri(address) } });

// One read of several messages: all of one snapshot of the database, with everything that was committed before it.
var answer = await client.BatchGetCountsAsync(messageIds, ReadRequirement.Strong, stop.Token);
foreach (var counts in answer.Found)
{
    Console.WriteLine($"read {counts.MessageId}: {counts.Retweets} retweets, {counts.Likes} likes");
}

foreach (var messageId in answer.MissingMessageIds)
{
    Console.WriteLine($"read {messageId}: no such message");
}

// The watch connects again by itself, and goes on where it was.
var known = new Dictionary<long, MessageCounts>();
var isAnew = false;
FeedState? state = null;
try
{
    await foreach (var update in client.WatchAsync(WatchOptions.Of(messageIds), stop.Token))
    {
        switch (update)
        {
            case WatchUpdate.Connected:
                isAnew = false;
                break;
            case WatchUpdate.Disconnected lost:
                Console.WriteLine($"disconnected: {lost.Status}");
                break;
            case WatchUpdate.Reset told:
                // It cannot go on where it was: everything comes once more.
                known.Clear();
                isAnew = true;
                Console.WriteLine("reset");
                Show(told.Freshness);
                break;
            case WatchUpdate.Changes told:
                foreach (var counts in told.Counts)
                {
                    known[counts.MessageId] = counts;
                    Console.WriteLine($"{counts.MessageId}: {counts.Retweets} retweets, {counts.Likes} likes");
                }

                foreach (var messageId in told.RemovedMessageIds)
                {
                    known.Remove(messageId);
                    Console.WriteLine($"{messageId}: removed");
                }

                Show(told.Freshness);
                break;
            case WatchUpdate.Synced told:
                Show(told.Freshness);
                Console.WriteLine(isAnew ? "synced" : "resumed");
                break;
            case WatchUpdate.Heartbeat told:
                Show(told.Freshness);
                break;
        }
    }
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    // Ctrl-C.
}

// STALE: the counts are right as of an earlier time, and do not follow the database for now.
void Show(Freshness freshness)
{
    if (state != freshness.State)
    {
        state = freshness.State;
        Console.WriteLine($"state {freshness.State.ToString().ToUpperInvariant()}");
    }
}
