using Npgsql;
using NpgsqlTypes;

namespace CacheService.Jobs;

/// <summary>Enters who did what: rows of <c>twjobs.action</c>.</summary>
internal static class JobActions
{
    private const string Sql = "insert into twjobs.action (who, what, jobid, runid, detail) values ($1, $2, $3, $4, $5)";

    /// <summary>Enters one, in the transaction that does it.</summary>
    public static async Task NoteAsync(NpgsqlConnection connection, string who, string what, int jobId, long? runId, string detail, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Sql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = who });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = what });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = jobId });
        command.Parameters.Add(new NpgsqlParameter { Value = runId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = detail });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
