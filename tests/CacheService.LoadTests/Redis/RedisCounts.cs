using CacheService.LoadTests.Machine;
using Npgsql;
using StackExchange.Redis;

namespace CacheService.LoadTests.Redis;

/// <summary>
/// How an application keeps counts in Redis: a hash for each message, with both counts. For MGET, which knows no hashes, a single value for each as well. Keys are made
/// beforehand, so that making them costs the measurement nothing.
/// </summary>
internal sealed class RedisCounts(IDatabase redis, int messages)
{
    private const int Slice = 10_000;

    private static readonly RedisValue Retweets = "rts";
    private static readonly RedisValue Likes = "favs";
    private static readonly RedisValue[] Both = [Retweets, Likes];

    private readonly RedisKey[] _hashes = [.. Enumerable.Range(0, messages + 1).Select(id => (RedisKey)$"message:{id}")];
    private readonly RedisKey[] _values = [.. Enumerable.Range(0, messages + 1).Select(id => (RedisKey)$"total:{id}")];

    /// <summary>The counts as the view says them.</summary>
    public async Task FillAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        foreach (var slice in (await ReadViewAsync(database, cancellationToken)).Chunk(Slice))
        {
            await Task.WhenAll(slice.SelectMany(message => (Task[])
            [
                redis.HashSetAsync(_hashes[message.Key], [new HashEntry(Retweets, message.Value.Retweets), new HashEntry(Likes, message.Value.Likes)]),
                redis.StringSetAsync(_values[message.Key], message.Value.Retweets + message.Value.Likes),
            ]));
        }
    }

    /// <summary>Counts a retweet.</summary>
    public Task RetweetAsync(long messageId) => redis.HashIncrementAsync(_hashes[messageId], Retweets);

    /// <summary>Reads both counts of a message.</summary>
    public async Task<(long Retweets, long Likes)> ReadAsync(long messageId)
    {
        var values = await redis.HashGetAsync(_hashes[messageId], Both);
        return ((long)values[0], (long)values[1]);
    }

    /// <summary>Reads the single values of many messages at once, and adds them up.</summary>
    public async Task<long> ReadValuesAsync(long[] messageIds) => (await redis.StringGetAsync(Array.ConvertAll(messageIds, id => _values[id]))).Sum(value => (long)value);

    /// <summary>How many messages Redis has other counts of than the view.</summary>
    public async Task<int> CountWrongAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        var wrong = 0;
        foreach (var (messageId, counts) in await ReadViewAsync(database, cancellationToken))
        {
            wrong += await ReadAsync(messageId) == counts ? 0 : 1;
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
}
