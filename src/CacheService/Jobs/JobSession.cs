using CacheService.Postgres;
using Npgsql;

namespace CacheService.Jobs;

/// <summary>
/// A session that holds the lock of a job, so that no other service runs it, and in which its run works. Both end together: whoever has lost the lock can change nothing any more.
/// Used by one thread at a time.
/// </summary>
internal sealed class JobSession : IAsyncDisposable
{
    private readonly int _jobId;

    private JobSession(NpgsqlConnection connection, int jobId) => (Connection, _jobId) = (connection, jobId);

    /// <summary>The connection, in no transaction.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary>Takes the lock of a job.</summary>
    /// <returns>Null: somebody else has it.</returns>
    public static async Task<JobSession?> TryOpenAsync(PostgresConnections connections, int jobId, CancellationToken cancellationToken)
    {
        var connection = await connections.OpenJobAsync(cancellationToken);
        try
        {
            await using var take = new NpgsqlCommand($"select pg_try_advisory_lock({JobLocks.Class}, $1)", connection);
            take.Parameters.Add(new NpgsqlParameter<int> { TypedValue = jobId });
            if (await take.ExecuteScalarAsync(cancellationToken) is true)
            {
                return new JobSession(connection, jobId);
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        await connection.DisposeAsync();
        return null;
    }

    /// <summary>Gives the lock back.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            // Before the connection is closed, which the server may notice later.
            await using var give = new NpgsqlCommand($"select pg_advisory_unlock({JobLocks.Class}, $1)", Connection) { CommandTimeout = SessionSettings.StatementTimeoutSeconds };
            give.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _jobId });
            await give.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException or TimeoutException)
        {
            // The session is gone, and its lock with it.
        }

        await Connection.DisposeAsync();
    }
}
