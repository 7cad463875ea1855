using Npgsql;

namespace CacheService.Postgres;

/// <summary>The pools of connections to one server, each of which can be all in use without the others' noticing.</summary>
/// <param name="Lease">For registering and renewing.</param>
/// <param name="Texts">For reads from the application's tables.</param>
/// <param name="Jobs">For what is asked and told of jobs.</param>
/// <param name="Others">For everything else.</param>
internal sealed record ConnectionPools(NpgsqlDataSource Lease, NpgsqlDataSource Texts, NpgsqlDataSource Jobs, NpgsqlDataSource Others) : IAsyncDisposable
{
    private readonly Lock _opening = new();
    private readonly Dictionary<string, NpgsqlDataSource> _single = [];

    /// <summary>A connection, to be opened, that comes from no pool. Its source has a name: Npgsql's metrics would tell its connection string instead.</summary>
    public NpgsqlConnection Single(string purpose, NpgsqlConnectionStringBuilder settings)
    {
        lock (_opening)
        {
            if (!_single.TryGetValue(purpose, out var source))
            {
                settings.Pooling = false;
                _single[purpose] = source = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = purpose }.Build();
            }

            return source.CreateConnection();
        }
    }

    /// <summary>Forgets connections that nobody uses.</summary>
    public void Clear()
    {
        Lease.Clear();
        Texts.Clear();
        Jobs.Clear();
        Others.Clear();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Lease.DisposeAsync();
        await Texts.DisposeAsync();
        await Jobs.DisposeAsync();
        await Others.DisposeAsync();
        List<NpgsqlDataSource> single;
        lock (_opening)
        {
            single = [.. _single.Values];
        }

        foreach (var source in single)
        {
            await source.DisposeAsync();
        }
    }
}
