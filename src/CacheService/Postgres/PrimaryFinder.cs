using Npgsql;

namespace CacheService.Postgres;

/// <summary>
/// Finds the primary among several hosts: of those that are no standby, the one on the latest timeline. Every promotion begins a new timeline, so a demoted
/// host that does not know it yet, and still takes writes from whoever has not moved, is told from the one that was promoted.
/// </summary>
internal static class PrimaryFinder
{
    private const int ConnectTimeoutSeconds = 2;

    // The first eight digits of a WAL file's name are the timeline. A standby writes none.
    private const string TimelineSql =
        "select case when pg_is_in_recovery() then null else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end";

    /// <summary>Asks all hosts at once.</summary>
    /// <param name="hosts">A connection string for each host.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The primary.</returns>
    /// <exception cref="NpgsqlException">No host answers as a primary; the message says what each answered.</exception>
    public static async Task<Primary> FindAsync(IReadOnlyList<string> hosts, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(hosts.Select(host => AskAsync(host, cancellationToken)));
        return answers.Select(answer => answer.Primary).OfType<Primary>().OrderByDescending(primary => primary.Timeline, StringComparer.Ordinal).FirstOrDefault()
            ?? throw new NpgsqlException($"none of the hosts is a primary: {string.Join("; ", answers.Select(answer => answer.WhyNot))}");
    }

    private static async Task<Answer> AskAsync(string connectionString, CancellationToken cancellationToken)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = ConnectTimeoutSeconds, CommandTimeout = ConnectTimeoutSeconds };
        try
        {
            await using var connection = new NpgsqlConnection(builder.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand(TimelineSql, connection);
            return await command.ExecuteScalarAsync(cancellationToken) is string timeline
                ? new Answer(new Primary(connectionString, timeline), "")
                : new Answer(null, $"{builder.Host}:{builder.Port} is a standby");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new Answer(null, $"{builder.Host}:{builder.Port}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private sealed record Answer(Primary? Primary, string WhyNot);
}
