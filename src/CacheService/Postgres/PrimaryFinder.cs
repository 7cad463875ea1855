using CacheService.Postgres.Addresses;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>
/// Finds the primary among several hosts: of those that are no standby, the one on the latest timeline. Every promotion begins a new timeline, so a demoted
/// host that does not know it yet, and still takes writes from whoever has not moved, is told from the one that was promoted.
/// </summary>
internal static class PrimaryFinder
{
    private const int ConnectTimeoutSeconds = 2;

    // The first eight digits of a WAL file's name are the timeline. A standby writes none. In a transaction of its own kind, whatever the role's defaults are.
    private const string TimelineSql =
        """
        begin isolation level read committed, read only, not deferrable; set local search_path = pg_catalog, pg_temp; set local statement_timeout = '2s';
        select case when pg_is_in_recovery() then null else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end;
        commit
        """;

    /// <summary>Asks all hosts at once.</summary>
    /// <param name="hosts">A connection string for each host.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The primary.</returns>
    /// <exception cref="NoPrimaryException">No host answers as a primary; the message says what each answered.</exception>
    public static async Task<Primary> FindAsync(IReadOnlyList<string> hosts, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(hosts.Select(host => AskAsync(host, cancellationToken)));
        return answers.Select(answer => answer.Primary).OfType<Primary>().OrderByDescending(primary => primary.Timeline, StringComparer.Ordinal).FirstOrDefault()
            ?? throw new NoPrimaryException($"none of the hosts is a primary: {string.Join("; ", answers.Select(answer => answer.WhyNot))}", [.. answers.Select(answer => answer.Error)]);
    }

    private static async Task<Answer> AskAsync(string connectionString, CancellationToken cancellationToken)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = ConnectTimeoutSeconds, CommandTimeout = ConnectTimeoutSeconds };
        // As for every connection: see PostgresConnections.
        builder["Server Compatibility Mode"] = "NoTypeLoading";
        try
        {
            // With a name, as in ConnectionPools.
            await using var source = new NpgsqlDataSourceBuilder(builder.ConnectionString) { Name = "primary" }.Build();
            await using var connection = source.CreateConnection();
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand(TimelineSql, connection);
            return await command.ExecuteScalarAsync(cancellationToken) is string timeline
                ? new Answer(new Primary(connectionString, timeline), "", null)
                : new Answer(null, $"{builder.Host}:{builder.Port} is a standby", null);
        }
        catch (Exception e) when (TlsDiagnosis.IsAbout(e))
        {
            var words = await TlsDiagnosis.ExplainAsync(builder, e, cancellationToken);
            return new Answer(null, words, new TlsFailedException(words, e));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new Answer(null, $"{builder.Host}:{builder.Port}: {(e is PostgresException says ? says.MessageText : e.Message).ReplaceLineEndings(" ")}", e);
        }
    }

    private sealed record Answer(Primary? Primary, string WhyNot, Exception? Error);
}

/// <summary>The server that takes writes.</summary>
/// <param name="ConnectionString">Leads to it alone.</param>
/// <param name="Timeline">Its timeline, eight hexadecimal digits: the later of two orders after the earlier. Empty where there is one host only, and nobody asked.</param>
internal sealed record Primary(string ConnectionString, string Timeline);

/// <summary>Of several hosts none is a primary.</summary>
internal sealed class NoPrimaryException(string message, IReadOnlyList<Exception?> errors) : NpgsqlException(message)
{
    /// <summary>What each host's attempt ended in; null for a standby.</summary>
    public IReadOnlyList<Exception?> Errors { get; } = errors;
}

/// <summary>There is no TLS with a server, or none that can be trusted; the message says why.</summary>
internal sealed class TlsFailedException(string message, Exception innerException) : NpgsqlException(message, innerException);
