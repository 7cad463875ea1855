using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Feed.Postgres;

/// <summary>The table <c>twcache.consumer</c>, and the lease.</summary>
internal sealed class ConsumerBook(PostgresConnections connections, IOptions<FeedOptions> options) : IConsumerBook
{
    /// <inheritdoc/>
    public Task<Registration> RegisterAsync(Baseline baseline, bool trustsOthers, CancellationToken cancellationToken)
    {
        var consumer = NewConsumerName(connections.Instance);
        return connections.RunForLeaseAsync(
            async connection =>
            {
                await using var register = new NpgsqlCommand("select recorded, proven_until, identity from twcache.register($1, $2, $3, '{change,table}')", connection);
                register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = consumer });
                register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = connections.Instance });
                register.Parameters.Add(new NpgsqlParameter<int> { TypedValue = options.Value.LeaseSeconds });
                await using var reader = await register.ExecuteReaderAsync(cancellationToken);
                await reader.ReadAsync(cancellationToken);
                return new Registration(this, consumer, baseline, reader.GetGuid(2), reader.GetInt64(1), isEverythingRecorded: trustsOthers && reader.GetBoolean(0));
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<long?> RenewAsync(Renewal renewal, CancellationToken cancellationToken) => connections.RunForLeaseAsync(
        async connection =>
        {
            await using var renew = new NpgsqlCommand("select twcache.renew($1, $2, $3, $4::pg_snapshot, $5, $6)", connection);
            renew.Parameters.Add(new NpgsqlParameter<string> { TypedValue = renewal.Consumer });
            renew.Parameters.Add(new NpgsqlParameter<long> { TypedValue = renewal.Number });
            renew.Parameters.Add(new NpgsqlParameter<long> { TypedValue = renewal.Confirmed });
            renew.Parameters.Add(new NpgsqlParameter { Value = (object?)renewal.Reached ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            renew.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = renewal.IsWaiting });
            renew.Parameters.Add(new NpgsqlParameter<int> { TypedValue = options.Value.LeaseSeconds });
            return await renew.ExecuteScalarAsync(cancellationToken) as long?;
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task WaitForEarlierTransactionsAsync(Action<string> waiting, CancellationToken cancellationToken) =>
        EarlierTransactions.WaitForEndAsync(connections.Pool, waiting, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken) => connections.RunAsync<IReadOnlyList<CacheEntry>>(
        async connection =>
        {
            await using var list = new NpgsqlCommand("select name, loaded, greatest(extract(epoch from clock_timestamp() - seen_at), 0)::float8 from twcache.consumer order by name collate \"C\"", connection);
            await using var reader = await list.ExecuteReaderAsync(cancellationToken);
            var consumers = new List<CacheEntry>();
            while (await reader.ReadAsync(cancellationToken))
            {
                consumers.Add(new CacheEntry(reader.GetString(0), reader.GetBoolean(1), TimeSpan.FromSeconds(reader.GetDouble(2))));
            }

            return consumers;
        },
        cancellationToken);

    private static string NewConsumerName(string instance)
    {
        const int LongestHostName = 24;
        var host = Environment.MachineName;
        return $"{(host.Length > LongestHostName ? host[..LongestHostName] : host)}-{Environment.ProcessId}-{instance}-{Random.Shared.Next():x8}";
    }
}
