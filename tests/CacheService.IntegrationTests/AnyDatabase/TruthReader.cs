using System.Data;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Reads the truth as a superuser, again and again, over one connection. Not thread-safe.</summary>
internal sealed class TruthReader(ITestDatabase database) : IAsyncDisposable
{
    // Counted from the tables too: it is the view that some changes break.
    private const string Counted =
        """
        select false, m.messageid::bigint,
               count(*) filter (where a.action::text = 'rt')  - count(*) filter (where a.action::text = 'de-rt'),
               count(*) filter (where a.action::text = 'fav') - count(*) filter (where a.action::text = 'de-fav')
          from tweet.message m left join tweet.activity a on a.messageid::bigint = m.messageid::bigint
         group by m.messageid
        """;

    // Where a label has another name, the view knows it still, by its number; whoever counts by names does not.
    private const string AreLabelsThere =
        """
        select null::bool, count(*), 0, 0
          from pg_enum e join pg_attribute a on a.atttypid = e.enumtypid
         where a.attrelid = 'tweet.activity'::regclass and a.attname = 'action' and e.enumlabel in ('rt', 'fav', 'de-rt', 'de-fav')
        """;

    private const string Viewed = "select true, messageid::bigint, rts::bigint, favs::bigint from tweet.message_with_counters";

    private readonly string _connectionString = new NpgsqlConnectionStringBuilder(database.ConnectionString)
    {
        Pooling = false,
        ApplicationName = "truth",
        CommandTimeout = 5,
        Timeout = 2,
        Options = "-c lock_timeout=1s -c row_security=off",
    }.ConnectionString;

    private NpgsqlConnection? _connection;

    /// <summary>The truth; null where it cannot be read: tables are missing, locked, or other than they were, or the server is away.</summary>
    public async Task<Truth?> TryReadAsync() =>
        await TryReadAsync($"{AreLabelsThere} union all {Counted} union all {Viewed}", withView: true) ?? await TryReadAsync($"{AreLabelsThere} union all {Counted}", withView: false);

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    private async Task<Truth?> TryReadAsync(string sql, bool withView)
    {
        try
        {
            await using var command = new NpgsqlCommand(sql, await OpenAsync());
            await using var reader = await command.ExecuteReaderAsync();
            var (viewed, counted) = (new Dictionary<long, (long, long)>(), new Dictionary<long, (long, long)>());
            var isCounted = true;
            while (await reader.ReadAsync())
            {
                if (await reader.IsDBNullAsync(0))
                {
                    // None: they are text.
                    isCounted = reader.GetInt64(1) is 0 or 4;
                    continue;
                }

                (reader.GetBoolean(0) ? viewed : counted)[reader.GetInt64(1)] = (reader.GetInt64(2), reader.GetInt64(3));
            }

            return isCounted ? new Truth(withView ? viewed : null, counted) : withView ? new Truth(viewed, viewed) : null;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or InvalidCastException)
        {
            // Nulls: pg_restore makes a view of them first, and the real one in the end.
            if (_connection is { State: not ConnectionState.Open })
            {
                await _connection.DisposeAsync();
                _connection = null;
            }

            return null;
        }
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        if (_connection is null)
        {
            var connection = new NpgsqlConnection(_connectionString);
            try
            {
                await connection.OpenAsync();
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }

            _connection = connection;
        }

        return _connection;
    }
}
