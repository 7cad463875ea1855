using CacheService.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace CacheService.Reading;

/// <summary>What the database knows of transaction ids.</summary>
internal interface ITransactionIds
{
    /// <summary>Whether it has given that id to a transaction which it still remembers, as it does every one that is in progress.</summary>
    Task<bool> IsAssignedAsync(ulong xid, CancellationToken cancellationToken);

    /// <summary>Refuses a read that is to include a transaction which there is not.</summary>
    /// <exception cref="ReadRefusedException">The database has not assigned that id.</exception>
    async Task RequireAssignedAsync(ulong xid, CancellationToken cancellationToken)
    {
        if (!await IsAssignedAsync(xid, cancellationToken))
        {
            throw new ReadRefusedException(
                ReadRefusal.TransactionNeverAssigned,
                $"the database has not assigned transaction id {xid}; take it from `select pg_current_xact_id()` within the writing transaction");
        }
    }
}

/// <summary>Asks the server.</summary>
internal sealed class PostgresTransactionIds(PostgresConnections connections) : ITransactionIds
{
    /// <inheritdoc/>
    public async Task<bool> IsAssignedAsync(ulong xid, CancellationToken cancellationToken)
    {
        await using var command = connections.Pool.CreateCommand("select pg_xact_status($1)");
        command.Parameters.Add(new NpgsqlParameter<ulong> { TypedValue = xid, NpgsqlDbType = NpgsqlDbType.Xid8 });
        try
        {
            // Null is an id that has been forgotten, which a running transaction's never is, or one that is no transaction's.
            return await command.ExecuteScalarAsync(cancellationToken) is string;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidParameterValue)
        {
            return false;
        }
    }
}
