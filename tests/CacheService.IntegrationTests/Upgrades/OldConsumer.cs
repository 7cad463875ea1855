using CacheService.Counts;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.IntegrationTests.Upgrades;

/// <summary>
/// What a service of an earlier version does to the database, statement by statement: it registers, loads, drains, renews and trims. It runs
/// on while a newer service comes, and must stay exact.
/// </summary>
internal sealed class OldConsumer : IAsyncDisposable
{
    /// <summary>Longer than a machine stalls: it loads afresh when its lease has run out.</summary>
    private const int LeaseSeconds = 60;

    private static readonly TimeSpan DrainInterval = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan RenewalInterval = TimeSpan.FromSeconds(1);

    private const string Settings =
        "set default_transaction_isolation = 'read committed'; set enable_seqscan = off; set jit = off; set plan_cache_mode = force_generic_plan";

    private const string StartChecks =
        """
        select (select count(*) from twcache.schema_file where name = any (array['001_schema_files.sql', '002_tweet.sql', '003_change_log.sql', '004_consumers.sql', '005_triggers.sql', '006_roles.sql'])) = 6
           and (select count(*) from pg_trigger where tgenabled in ('O', 'A')
                   and (tgrelid = 'tweet.activity'::regclass and tgname in ('twcache_activity_insert', 'twcache_activity_delete', 'twcache_activity_update', 'twcache_activity_truncate')
                        or tgrelid = 'tweet.message'::regclass and tgname in ('twcache_message_insert', 'twcache_message_delete', 'twcache_message_key', 'twcache_message_truncate'))) = 8
           and has_table_privilege('twcache.change', 'select') and has_table_privilege('twcache.change_identity', 'select') and has_table_privilege('twcache.consumer', 'select')
           and has_sequence_privilege('twcache.lapse', 'select') and has_function_privilege('twcache.renew(text, pg_snapshot, int)', 'execute') and has_function_privilege('twcache.trim(int)', 'execute')
        """;

    private const string Load =
        """
        select m.messageid, coalesce(a.rts, 0), coalesce(a.favs, 0)
          from tweet.message m
          left join (select messageid,
                            count(*) filter (where action = 'rt')  - count(*) filter (where action = 'de-rt')  as rts,
                            count(*) filter (where action = 'fav') - count(*) filter (where action = 'de-fav') as favs
                       from tweet.activity
                      group by messageid) a using (messageid)
        """;

    private const string Drain =
        """
        select null::bigint, null::bigint, null::bigint, null::bigint,
               pg_current_snapshot()::text, (select id from twcache.change_identity),
               exists (select from twcache.consumer where name = $3 and lapse = (select last_value from twcache.lapse)),
               exists (select from twcache.change where xid >= pg_snapshot_xmax(pg_current_snapshot())), extract(epoch from clock_timestamp())::float8
        union all
        select messageid, sum(rts)::bigint, sum(favs)::bigint, sum(born)::bigint, null, null, null, null, null
          from (select messageid, rts, favs, born from twcache.change where xid >= $1
                union all
                select messageid, rts, favs, born from twcache.change where xid = any ($2)) as since
         group by messageid
        """;

    private readonly Landed _version;
    private readonly NpgsqlConnection _reader;
    private readonly NpgsqlConnection _keeper;
    private readonly string _instance = Guid.NewGuid().ToString("N")[..8];
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _turn = new(1);
    private Dictionary<long, (long Retweets, long Likes)> _counts = [];
    private PgSnapshot _snapshot = PgSnapshot.Parse("1:1:");
    private string _name = "";
    private Guid _identity;
    private long _provenUntil;
    private Task _running = Task.CompletedTask;

    private OldConsumer(Landed version, NpgsqlConnection reader, NpgsqlConnection keeper)
    {
        (_version, _reader, _keeper) = (version, reader, keeper);
    }

    /// <summary>How often it loaded all counts, and why, the first time included.</summary>
    public List<string> Loads { get; } = [];

    /// <summary>Reads of the change log.</summary>
    public int Drains { get; private set; }

    /// <summary>Renewals of its lease that were answered.</summary>
    public int Renewals { get; private set; }

    /// <summary>Starts it, loaded.</summary>
    public static async Task<OldConsumer> StartAsync(Landed version, string connectionString)
    {
        var consumer = new OldConsumer(version, await OpenAsync(connectionString), await OpenAsync(connectionString));
        await consumer._reader.ExecuteAsync(Settings);
        Assert.That(await consumer._reader.QueryAsync<bool>(StartChecks), "what a service of that version looks for at its start");
        Assert.That(await consumer._reader.QueryAsync<bool>($"select has_function_privilege('twcache.register({(version.RegistersWithoutInstance ? "text, int" : "text, text, int")})', 'execute')"), "it may register");
        await consumer.LoadAsync("the start");
        consumer._running = Task.WhenAll(
            Task.Run(() => consumer.RepeatAsync(DrainInterval, consumer.DrainAsync)),
            Task.Run(() => consumer.RepeatAsync(RenewalInterval, consumer.RenewAsync)));
        return consumer;
    }

    /// <summary>Asserts that it has what the view says, once more drained; nobody may write meanwhile.</summary>
    public async Task AssertEqualsViewAsync(ITestDatabase database)
    {
        if (_running.IsFaulted)
        {
            await _running;
        }

        await DrainAsync();
        var expected = await database.ReadViewAsync();
        await _turn.WaitAsync();
        try
        {
            var differences = expected.Keys.Union(_counts.Keys)
                .Where(id => !_counts.TryGetValue(id, out var one) || !expected.TryGetValue(id, out var other) || one != other)
                .Select(id => $"message {id}: {(_counts.TryGetValue(id, out var one) ? one : null)} in the old consumer, {(expected.TryGetValue(id, out var other) ? other : null)} in the view");
            Assert.That(differences, Is.Empty, $"a consumer of version {_version}, {Drains} drains, loads: {string.Join("; ", Loads)}");
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        await _reader.DisposeAsync();
        await _keeper.DisposeAsync();
        _stopping.Dispose();
        _turn.Dispose();
    }

    private async Task RepeatAsync(TimeSpan interval, Func<Task> stepAsync)
    {
        using var tick = new PeriodicTimer(interval);
        while (!_stopping.IsCancellationRequested)
        {
            await stepAsync();
            await tick.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task RegisterAsync()
    {
        _name = $"old-{_instance}-{Random.Shared.Next():x8}";
        var sql = _version.RegistersWithoutInstance
            ? "select recorded, proven_until, identity from twcache.register($1, $2)"
            : "select recorded, proven_until, identity from twcache.register($1, $3, $2)";
        bool recorded;
        await using (var register = new NpgsqlCommand(sql, _reader))
        {
            register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _name });
            register.Parameters.Add(new NpgsqlParameter<int> { TypedValue = LeaseSeconds });
            if (!_version.RegistersWithoutInstance)
            {
                register.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _instance });
            }

            await using var row = await register.ExecuteReaderAsync();
            await row.ReadAsync();
            (recorded, _provenUntil, _identity) = (row.GetBoolean(0), row.GetInt64(1), row.GetGuid(2));
        }

        if (!recorded)
        {
            var ours = await _reader.QueryAsync<ulong>("select pg_current_xact_id()");
            await Wait.UntilAsync(() => _reader.QueryAsync<bool>($"select pg_snapshot_xmin(pg_current_snapshot()) >= '{ours}'::xid8"), RunningService.Patience, "earlier transactions have ended");
        }
    }

    private async Task LoadAsync(string why)
    {
        Loads.Add(why);
        await RegisterAsync();
        await _reader.ExecuteAsync("begin isolation level repeatable read read only; set local enable_seqscan = on; lock table tweet.message, tweet.activity in access share mode");
        _snapshot = PgSnapshot.Parse(await _reader.QueryAsync<string>("select pg_current_snapshot()::text"));
        _counts = [];
        await using (var load = new NpgsqlCommand(Load, _reader))
        {
            await using var rows = await load.ExecuteReaderAsync();
            while (await rows.ReadAsync())
            {
                _counts.Add(rows.GetInt64(0), (rows.GetInt64(1), rows.GetInt64(2)));
            }
        }

        await _reader.ExecuteAsync("commit");
    }

    private async Task RenewAsync()
    {
        string reached;
        string name;
        await _turn.WaitAsync();
        (reached, name) = (_snapshot.ToString(), _name);
        _turn.Release();
        await using (var renew = new NpgsqlCommand("select twcache.renew($1, $2::pg_snapshot, $3)", _keeper))
        {
            renew.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            renew.Parameters.Add(new NpgsqlParameter { Value = reached, NpgsqlDbType = NpgsqlDbType.Text });
            renew.Parameters.Add(new NpgsqlParameter<int> { TypedValue = LeaseSeconds });
            if (await renew.ExecuteScalarAsync() is not long provenUntil)
            {
                return;
            }

            Renewals++;
            await _turn.WaitAsync();
            _provenUntil = name == _name ? provenUntil : _provenUntil;
            _turn.Release();
        }

        await _keeper.QueryAsync<int>("select twcache.trim(5000)");
    }

    private async Task DrainAsync()
    {
        await _turn.WaitAsync();
        try
        {
            if (await DrainOnceAsync() is { } gap)
            {
                await LoadAsync(gap);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>One drain; and why it may lack something, if it may.</summary>
    private async Task<string?> DrainOnceAsync()
    {
        await using var drain = new NpgsqlCommand(Drain, _reader);
        drain.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = _snapshot.Xmax, NpgsqlDbType = NpgsqlDbType.Xid8 });
        drain.Parameters.Add(new NpgsqlParameter<ulong[]> { TypedValue = [.. _snapshot.InProgress], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Xid8 });
        drain.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _name });
        await using var rows = await drain.ExecuteReaderAsync();
        PgSnapshot? snapshot = null;
        string? gap = null;
        while (await rows.ReadAsync())
        {
            if (!await rows.IsDBNullAsync(4))
            {
                snapshot = PgSnapshot.Parse(rows.GetString(4));
                gap ??= await rows.IsDBNullAsync(5) || rows.GetGuid(5) != _identity ? "another identity"
                    : !rows.GetBoolean(6) ? "not registered"
                    : rows.GetBoolean(7) ? "rows of the future"
                    : rows.GetDouble(8) >= _provenUntil ? "lease not renewed"
                    : null;
            }
            else if (await rows.IsDBNullAsync(0))
            {
                gap ??= "truncated";
            }
            else
            {
                gap ??= Apply(rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetInt64(3));
            }
        }

        Drains++;
        _snapshot = snapshot!;
        return gap;
    }

    private string? Apply(long id, long retweets, long likes, long born)
    {
        var known = _counts.TryGetValue(id, out var counts);
        if (known ? born is not (0 or -1) : born is not (0 or 1) || (born == 0 && (retweets, likes) != (0, 0)))
        {
            return $"message {id} does not fit";
        }

        if ((known ? 1 : 0) + born > 0)
        {
            _counts[id] = (counts.Retweets + retweets, counts.Likes + likes);
        }
        else
        {
            _counts.Remove(id);
        }

        return null;
    }

    private static async Task<NpgsqlConnection> OpenAsync(string connectionString)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, ApplicationName = "old service" }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
