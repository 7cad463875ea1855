using System.Data;
using Npgsql;

namespace CacheService.Import;

/// <summary>A connection that nobody else uses.</summary>
internal sealed class ConnectionSession(NpgsqlConnection connection) : IImportSession
{
    public int EndRoundTrips => 1;

    public async Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken, string? place = null)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
        await work(connection);
        // Not to be cancelled: what came of it would not be known.
        await transaction.CommitAsync(CancellationToken.None);
    }
}
