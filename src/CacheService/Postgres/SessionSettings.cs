using Npgsql;

namespace CacheService.Postgres;

/// <summary>What every session of the service asks of the server, so that one whose client is gone or frozen does not stay.</summary>
internal static class SessionSettings
{
    /// <summary>How long a statement on a pooled connection may take, in seconds.</summary>
    public const int StatementTimeoutSeconds = 10;

    private const string BackendSql = "select pg_backend_pid()";

    // Whoever may create an operator in a schema of the search path could have it counted with, and called with the service's rights.
    // A client that is silent for long or acknowledges nothing, a transaction that nobody goes on with, a client that vanished in mid-statement (not on every platform).
    private const string Sql =
        """
        set search_path = pg_catalog, pg_temp;
        set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; set tcp_user_timeout = '15s';
        set idle_in_transaction_session_timeout = '1min';
        do $$ begin
            set client_connection_check_interval = '5s';
        exception when invalid_parameter_value then
            null;
        end $$
        """;

    /// <summary>
    /// Ends statements that take too long, on the server's side too; and transactions of a service that is frozen between two statements, soon: it may hold
    /// the lock that every cache needs to renew its lease.
    /// </summary>
    public static string ShortStatements { get; } = $"set statement_timeout = '{StatementTimeoutSeconds}s'; set idle_in_transaction_session_timeout = '3s'";

    /// <summary>
    /// Applies the settings where the session is the client's own. A pooler of transactions shares its sessions with others, whose settings they would become;
    /// it shows by answering with another process id than the one it gave when the connection was opened.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="more">Further settings, for this connection.</param>
    /// <returns>Whether the session is the client's own.</returns>
    public static bool Apply(NpgsqlConnection connection, string more = "")
    {
        using var backend = new NpgsqlCommand(BackendSql, connection);
        if ((int)backend.ExecuteScalar()! != connection.ProcessID)
        {
            return false;
        }

        using var settings = new NpgsqlCommand($"{Sql}; {more}", connection);
        settings.ExecuteNonQuery();
        return true;
    }

    /// <inheritdoc cref="Apply"/>
    public static async Task<bool> ApplyAsync(NpgsqlConnection connection, string more = "")
    {
        await using var backend = new NpgsqlCommand(BackendSql, connection);
        if ((int)(await backend.ExecuteScalarAsync())! != connection.ProcessID)
        {
            return false;
        }

        await using var settings = new NpgsqlCommand($"{Sql}; {more}", connection);
        await settings.ExecuteNonQueryAsync();
        return true;
    }
}
