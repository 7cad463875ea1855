using CacheService.LoadTests.Machine;
using Npgsql;
using StackExchange.Redis;

namespace CacheService.LoadTests.Redis;

/// <summary>How an application keeps counts in Redis: a hash for each message, with both counts. For MGET, which knows no hashes, a single value for each as well.</summary>
internal static class RedisCounts
{
    private const int Slice = 10_000;

    private static readonly RedisValue Retweets = "rts";
    private static readonly RedisValue Likes = "favs";
    private static readonly RedisValue[] Both = [Retweets, Likes];

    /// <summary>The counts as the view says them.</summary>
    public static async Task FillAsync(IDatabase redis, LoadDatabase database, CancellationToken cancellationToken)
    {
        foreach (var slice in (await ReadViewAsync(database, cancellationToken)).Chunk(Slice))
        {
            await Task.WhenAll(slice.SelectMany(message => (Task[])
            [
                redis.HashSetAsync(HashOf(message.Key), [new HashEntry(Retweets, message.Value.Retweets), new HashEntry(Likes, message.Value.Likes)]),
                redis.StringSetAsync(ValueOf(message.Key), message.Value.Retweets + message.Value.Likes),
            ]));
        }
    }

    /// <summary>Counts a retweet.</summary>
    public static Task RetweetAsync(IDatabase redis, long messageId) => redis.HashIncrementAsync(HashOf(messageId), Retweets);

    /// <summary>Reads both counts of a message.</summary>
    public static async Task<(long Retweets, long Likes)> ReadAsync(IDatabase redis, long messageId)
    {
        var values = await redis.HashGetAsync(HashOf(messageId), Both);
        return ((long)values[0], (long)values[1]);
    }

    /// <summary>Reads the single values of many messages at once, and adds them up.</summary>
    public static async Task<long> ReadValuesAsync(IDatabase redis, long[] messageIds) => (await redis.StringGetAsync(Array.ConvertAll(messageIds, ValueOf))).Sum(value => (long)value);

    /// <summary>How many messages Redis has other counts of than the view.</summary>
    public static async Task<int> CountWrongAsync(IDatabase redis, LoadDatabase database, CancellationToken cancellationToken)
    {
        var wrong = 0;
        foreach (var (messageId, counts) in await ReadViewAsync(database, cancellationToken))
        {
            wrong += await ReadAsync(redis, messageId) == counts ? 0 : 1;
        }

        return wrong;
    }

    private static async Task<Dictionary<long, (long Retweets, long Likes)>> ReadViewAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("select messageid, rts, favs from tweet.message_with_counters", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var counts = new Dictionary<long, (long, long)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            counts.Add(reader.GetInt64(0), (reader.GetInt64(1), reader.GetInt64(2)));
        }

        return counts;
    }

    private static RedisKey HashOf(long messageId) => $"message:{messageId}";

    private static RedisKey ValueOf(long messageId) => $"total:{messageId}";
}
