using Npgsql;

namespace CacheService.Postgres;

/// <summary>The pools of connections to one server, each of which can be all in use without the others' noticing.</summary>
/// <param name="Lease">For registering and renewing.</param>
/// <param name="Texts">For reads from the application's tables.</param>
/// <param name="Others">For everything else.</param>
internal sealed record ConnectionPools(NpgsqlDataSource Lease, NpgsqlDataSource Texts, NpgsqlDataSource Others) : IAsyncDisposable
{
    /// <summary>Forgets connections that nobody uses.</summary>
    public void Clear()
    {
        Lease.Clear();
        Texts.Clear();
        Others.Clear();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Lease.DisposeAsync();
        await Texts.DisposeAsync();
        await Others.DisposeAsync();
    }
}
