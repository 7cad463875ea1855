using CacheService.Client;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using Npgsql;

namespace CacheService.LoadTests.Truth;

/// <summary>Whether the cache says what the view says, of every message.</summary>
/// <param name="before">Called first, with the database: for tests, which make the cache wrong.</param>
internal sealed class ViewComparison(Func<LoadDatabase, Task>? before = null)
{
    // As many as a request may ask for.
    private const int Slice = 10_000;
    private const int ShownDifferences = 5;

    /// <summary>Nobody may write meanwhile. What is wrong goes into the result.</summary>
    public async Task CompareAsync(string when, LoadDatabase database, TweetCountsClient client, PartResult result, CancellationToken cancellationToken)
    {
        if (before is not null)
        {
            await before(database);
        }

        var (messages, wrong) = (0L, 0L);
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("select messageid, rts, favs from tweet.message_with_counters order by messageid", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var truth = new List<(long MessageId, long Retweets, long Likes)>(Slice);
        while (await reader.ReadAsync(cancellationToken))
        {
            messages++;
            truth.Add((reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2)));
            if (truth.Count == Slice)
            {
                await CompareSliceAsync();
            }
        }

        await CompareSliceAsync();
        result.Compared += messages;
        var cached = (await client.GetStatusAsync(cancellationToken)).Messages;
        if (cached != messages)
        {
            result.WrongAnswers.Add($"{when}: the cache holds {cached} messages, the database has {messages}");
        }

        if (wrong > ShownDifferences)
        {
            result.WrongAnswers.Add($"{when}: and {wrong - ShownDifferences} more messages with wrong counts");
        }

        async Task CompareSliceAsync()
        {
            if (truth.Count == 0)
            {
                return;
            }

            var answer = await client.BatchGetCountsAsync(truth.Select(each => each.MessageId), ReadRequirement.Strong, cancellationToken);
            var said = answer.Found.ToDictionary(counts => counts.MessageId, counts => (counts.Retweets, counts.Likes));
            var sample = truth[0].MessageId;
            if (said.TryGetValue(sample, out var expected)
                && (await client.GetCountsAsync(sample, cancellationToken: cancellationToken)).Counts is var single && expected != (single.Retweets, single.Likes))
            {
                result.WrongAnswers.Add($"{when}: message {sample}: GetCounts and BatchGetCounts say different counts");
            }

            foreach (var (messageId, retweets, likes) in truth)
            {
                var known = said.TryGetValue(messageId, out var counts);
                if (known && counts == (retweets, likes))
                {
                    continue;
                }

                if (wrong++ < ShownDifferences)
                {
                    var words = known ? $"{counts.Retweets} retweets and {counts.Likes} likes" : "no such message";
                    result.WrongAnswers.Add($"{when}: message {messageId}: the cache says {words}, the view {retweets} and {likes}");
                }
            }

            truth.Clear();
        }
    }
}
