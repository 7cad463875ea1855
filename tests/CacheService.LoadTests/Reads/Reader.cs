using CacheService.Client;
using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Redis;
using Npgsql;

namespace CacheService.LoadTests.Reads;

/// <summary>A way to read counts.</summary>
/// <param name="Name">As in the results.</param>
/// <param name="CountsPerCall">How many messages' counts a call gets.</param>
/// <param name="Call">Reads the counts for the draws from that number on.</param>
internal sealed record Reader(string Name, int CountsPerCall, Func<long, CancellationToken, ValueTask> Call)
{
    public const string Aggregate = "SQL: aggregate over activity";
    public const string View = "SQL: the view";
    public const string Materialized = "SQL: materialized view";
    public const string Summary = "SQL: summary table";
    public const string SummaryOf1000 = "SQL: summary table, 1,000 keys";
    public const string Current = "SQL: twcache.counts_of";
    public const string CurrentOf1000 = "SQL: twcache.counts_of_many, 1,000 keys";
    public const string GetCounts = "GetCounts";
    public const string GetCountsMaxAge = "GetCounts, max_age 1 s";
    public const string GetCountsStrong = "GetCounts, strong";
    public const string BatchOf1000 = "BatchGetCounts of 1,000";
    public const string RedisHash = "Redis: HMGET of both counts";
    public const string RedisValues = "Redis: MGET of 1,000 single values";
    public const string RedisHashes = "Redis: 1,000 HMGET, pipelined";
    public const string Mirror = "CountsMirror, in process";

    private const int LargeBatch = 1_000;
    private const int MirrorReadsPerCall = 1_000;

    public static IEnumerable<Reader> OfSql(NpgsqlDataSource source, SkewedKeys keys) =>
    [
        Sql(Aggregate, PlainTables.AggregateSql, source, keys),
        Sql(View, PlainTables.ViewSql, source, keys),
        Sql(Materialized, MaterializedView.ReadSql, source, keys),
        Sql(Summary, SummaryTable.ReadSql, source, keys),
        Sql(Current, "select rts, favs from twcache.counts_of($1)", source, keys),
        SqlBatch(SummaryOf1000, SummaryTable.ReadManySql, source, keys),
        SqlBatch(CurrentOf1000, "select messageid, rts, favs from twcache.counts_of_many($1)", source, keys),
    ];

    public static Reader Plain(TweetCountsClient client, SkewedKeys keys) => Single(GetCounts, client, null, keys);

    public static IEnumerable<Reader> OfCache(TweetCountsClient client, CountsMirror mirror, SkewedKeys keys) =>
    [
        Plain(client, keys),
        Single(GetCountsMaxAge, client, ReadRequirement.MaxAge(TimeSpan.FromSeconds(1)), keys),
        Single(GetCountsStrong, client, ReadRequirement.Strong, keys),
        Batch("BatchGetCounts of 100", 100, client, keys),
        Batch(BatchOf1000, LargeBatch, client, keys),
        Local(mirror, keys),
    ];

    public static IEnumerable<Reader> OfRedis(RedisCounts redis, SkewedKeys keys) =>
    [
        new(RedisHash, 1, async (number, _) => await redis.ReadAsync(keys[number])),
        new(RedisValues, LargeBatch, async (number, _) => await redis.ReadValuesAsync(keys.Take(number, LargeBatch))),
        new(RedisHashes, LargeBatch, async (number, _) => await Task.WhenAll(keys.Take(number, LargeBatch).Select(redis.ReadAsync))),
    ];

    private static Reader Sql(string name, string sql, NpgsqlDataSource source, SkewedKeys keys) => new(name, 1, async (number, cancellationToken) =>
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = keys[number] });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            throw new LoadTestException($"{name}: no counts of message {keys[number]}");
        }

        _ = reader.GetInt64(0) + reader.GetInt64(1);
    });

    private static Reader SqlBatch(string name, string sql, NpgsqlDataSource source, SkewedKeys keys) => new(name, LargeBatch, async (number, cancellationToken) =>
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. keys.Take(number, LargeBatch)] });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            _ = reader.GetInt64(0) + reader.GetInt64(1) + reader.GetInt64(2);
        }
    });

    private static Reader Single(string name, TweetCountsClient client, ReadRequirement? requirement, SkewedKeys keys) => new(
        name, 1, async (number, cancellationToken) => await client.GetCountsAsync(keys[number], requirement, cancellationToken));

    private static Reader Batch(string name, int size, TweetCountsClient client, SkewedKeys keys) => new(
        name, size, async (number, cancellationToken) => await client.BatchGetCountsAsync(keys.Take(number, size), null, cancellationToken));

    private static Reader Local(CountsMirror mirror, SkewedKeys keys) => new(Mirror, MirrorReadsPerCall, async (number, cancellationToken) =>
    {
        cancellationToken.ThrowIfCancellationRequested();
        for (var i = 0; i < MirrorReadsPerCall; i++)
        {
            if (!mirror.TryGet(keys[number + i], out _))
            {
                throw new LoadTestException($"{Mirror}: no counts of message {keys[number + i]}");
            }
        }

        // Nothing here ever waits: let the other callers have their turn.
        await Task.Yield();
    });
}
