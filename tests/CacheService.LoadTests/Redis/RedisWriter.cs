using System.Globalization;
using Npgsql;
using StackExchange.Redis;

namespace CacheService.LoadTests.Redis;

/// <summary>An application that keeps Redis beside PostgreSQL: each worker inserts a retweet, commits, and counts it in Redis. A process of its own, to be killed.</summary>
internal static class RedisWriter
{
    public const string Verb = "redis-writer";

    /// <summary>Names the variable that has the connection string: there is a password in it.</summary>
    public const string ConnectionVariable = "REDIS_WRITER_POSTGRES";

    public const string ApplicationName = "redis-writer";

    private const int Workers = 8;

    // As pgbench inserts.
    private const string InsertSql = "insert into tweet.activity (messageid, action) values ($1, 'rt')";

    /// <summary>Writes until it is killed, and says so once it has begun.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var (redisAddress, messages) = (arguments[0], int.Parse(arguments[1], CultureInfo.InvariantCulture));
        var connectionString = Environment.GetEnvironmentVariable(ConnectionVariable);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = ApplicationName });
        await using var redis = await ConnectionMultiplexer.ConnectAsync(redisAddress);
        var counts = new RedisCounts(redis.GetDatabase(), messages);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(async () =>
        {
            await WriteAsync(source, counts, Random.Shared.NextInt64(1, messages + 1), CancellationToken.None);
            Console.WriteLine("writing");
            while (true)
            {
                await WriteAsync(source, counts, Random.Shared.NextInt64(1, messages + 1), CancellationToken.None);
            }
        })));
        return 0;
    }

    /// <summary>Inserts a retweet.</summary>
    public static async Task InsertAsync(NpgsqlDataSource source, long messageId, CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(InsertSql);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = messageId });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Inserts a retweet, and counts it in Redis afterwards.</summary>
    public static async Task WriteAsync(NpgsqlDataSource source, RedisCounts redis, long messageId, CancellationToken cancellationToken)
    {
        await InsertAsync(source, messageId, cancellationToken);
        await redis.RetweetAsync(messageId);
    }
}
