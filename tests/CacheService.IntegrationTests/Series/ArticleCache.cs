using System.Text.Json;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Series;

/// <summary>The article's service: counters in memory that start with the view's, add what notifications tell, and are added to a table now and then.</summary>
internal sealed class ArticleCache : IAsyncDisposable
{
    public const string Channel = "tweet.activity";

    private const string End = "end";

    private readonly ITestDatabase _database;
    private readonly Dictionary<long, (long Rts, long Favs)> _counters = [];
    private readonly List<string> _received = [];
    private NpgsqlConnection _listener = null!;

    private ArticleCache(ITestDatabase database)
    {
        _database = database;
    }

    /// <summary>The process of its session.</summary>
    public int ProcessId => _listener.ProcessID;

    /// <summary>Listens. The counters are empty yet.</summary>
    public static async Task<ArticleCache> ListenAsync(ITestDatabase database)
    {
        var cache = new ArticleCache(database);
        await cache.ConnectAsync();
        return cache;
    }

    /// <summary>Starts the counters with what the view says.</summary>
    public async Task InitializeAsync()
    {
        foreach (var (messageId, counts) in await _database.ReadViewAsync())
            _counters[messageId] = counts;
    }

    /// <summary>Listens again, with the counters as they were.</summary>
    public async Task ReconnectAsync()
    {
        await _listener.DisposeAsync();
        await ConnectAsync();
    }

    /// <summary>Adds what all notifications tell that were sent before.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> ProcessAsync()
    {
        // They come in the order of their commits.
        await _listener.ExecuteAsync($"select pg_notify('{Channel}', '{End}')");
        using var patience = new CancellationTokenSource(RunningService.Patience);
        while (!_received.Contains(End))
            await _listener.WaitAsync(patience.Token);

        var payloads = _received.Where(payload => payload != End).ToList();
        _received.Clear();
        foreach (var payload in payloads)
        {
            using var json = JsonDocument.Parse(payload);
            var messageId = json.RootElement.GetProperty("messageid").GetInt64();
            var (rts, favs) = this[messageId];
            _counters[messageId] = (rts + json.RootElement.GetProperty("rts").GetInt64(), favs + json.RootElement.GetProperty("favs").GetInt64());
        }

        return payloads.Count;
    }

    /// <summary>Adds the counters to the table, and begins at zero.</summary>
    public async Task MaterializeAsync()
    {
        await using var connection = await _database.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            insert into article.counters as c
            select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
            on conflict (messageid) do update set rts = c.rts + excluded.rts, favs = c.favs + excluded.favs
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = _counters.Keys.ToArray() },
                new() { Value = _counters.Values.Select(counts => counts.Rts).ToArray() },
                new() { Value = _counters.Values.Select(counts => counts.Favs).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync();
        _counters.Clear();
    }

    /// <summary>What it says of a message.</summary>
    public (long Rts, long Favs) this[long messageId] => _counters.GetValueOrDefault(messageId);

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ConnectAsync()
    {
        _listener = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Pooling = false }.ConnectionString);
        await _listener.OpenAsync();
        _listener.Notification += (_, notification) => _received.Add(notification.Payload);
        await _listener.ExecuteAsync($"listen \"{Channel}\"");
    }
}
