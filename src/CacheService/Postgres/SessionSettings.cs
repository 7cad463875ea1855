using Npgsql;

namespace CacheService.Postgres;

/// <summary>
/// What every session of the service depends on, said by the session itself: <c>alter role</c> and <c>alter database … set</c> may have said anything else. TimeZone
/// is left alone: by it the database's users mean their timestamps without zone.
/// </summary>
internal static class SessionSettings
{
    /// <summary>How long a statement on a pooled connection may take, in seconds.</summary>
    public const int StatementTimeoutSeconds = 10;

    /// <summary>
    /// For the connection that reads the change log. Index scans only, in one process: the plan is made while the log is empty, and used when it is not; JIT and
    /// parallel workers cost more than they give. A notification need not wait for the disk: it is of no use after a crash. Locks are waited for more briefly than
    /// the server waits before it looks for a deadlock (deadlock_timeout): of two that are in each other's way, a restore and this, this one gives way.
    /// </summary>
    public const string Reader =
        """
        set enable_seqscan = off; set enable_indexscan = on; set enable_indexonlyscan = on; set enable_bitmapscan = on; set enable_nestloop = on;
        set enable_hashagg = on; set enable_sort = on; set max_parallel_workers_per_gather = 0; set jit = off; set plan_cache_mode = force_generic_plan;
        set work_mem = '16MB'; set synchronous_commit = off; set lock_timeout = '500ms'
        """;

    /// <summary>
    /// Ends statements that take too long, on the server's side too; and transactions of a service that is frozen between two statements, soon: it may hold
    /// the lock that every cache needs to renew its lease. No commit waits for the disk or a standby: what these write is void after a crash and a promotion.
    /// </summary>
    public const string ShortStatements = "set statement_timeout = '10s'; set lock_timeout = '500ms'; set idle_in_transaction_session_timeout = '3s'; set synchronous_commit = off";

    /// <summary>
    /// The most needed of it for one transaction, as its first statements: all that can be had behind a pooler of transactions, where a session's settings would
    /// become those of others. For transactions that are short.
    /// </summary>
    public const string ForOneTransaction =
        """
        set transaction read write, not deferrable; set local search_path = pg_catalog, pg_temp; set local row_security = off;
        set local statement_timeout = '10s'; set local lock_timeout = '500ms'; set local idle_in_transaction_session_timeout = '3s'; set local synchronous_commit = off
        """;

    /// <summary><see cref="ForOneTransaction"/>, with the beginning of the transaction.</summary>
    public const string BeginOneTransaction = $"begin isolation level read committed; {ForOneTransaction}";

    // The first statement that takes a snapshot: a default of serializable, read only and deferrable would have it wait for others' transactions.
    private const string BackendSql =
        "begin isolation level read committed, not deferrable; set local statement_timeout = '10s'; set local lock_timeout = 0; select pg_catalog.pg_backend_pid(); commit";

    // The path: whoever could create an operator in a schema of another would have it counted with, and called with the service's rights.
    // Row security: where it would hide rows from the service, a query fails instead.
    // Timeouts: a client that is silent for long or acknowledges nothing, a transaction that nobody goes on with; no others, which would end what may take its time.
    // The forms of values: what is compared or parsed as text.
    private const string Sql =
        """
        set search_path = pg_catalog, pg_temp;
        set row_security = off;
        set default_transaction_isolation = 'read committed'; set default_transaction_read_only = off; set default_transaction_deferrable = off;
        set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0; set idle_in_transaction_session_timeout = '1min';
        set tcp_keepalives_idle = 15; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3; set tcp_user_timeout = '15s';
        set standard_conforming_strings = on; set transform_null_equals = off; set quote_all_identifiers = off; set array_nulls = on;
        set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set bytea_output = 'hex'; set extra_float_digits = 1;
        set plan_cache_mode = auto; set exit_on_error = off; set client_min_messages = warning; set default_table_access_method = heap
        """;

    // What not every version and platform has, and not every role may set. A client that vanished in mid-statement; what came with PostgreSQL 17; triggers of sessions
    // that replicate; another role that the login's own is set to, unless its rights are had by nothing else.
    private const string OptionalSql =
        """
        do $$
        declare
            wanted record;
        begin
            for wanted in values ('client_connection_check_interval', '5s'), ('transaction_timeout', '0'), ('restrict_nonsystem_relation_kind', ''), ('session_replication_role', 'origin') loop
                begin
                    if current_setting(wanted.column1, true) is distinct from wanted.column2 and exists (select from pg_settings where name = wanted.column1) then
                        perform set_config(wanted.column1, wanted.column2, false);
                    end if;
                exception when others then
                    null;
                end;
            end loop;
            if current_user <> session_user and exists (select from pg_roles where rolname = session_user and rolinherit) then
                set role none;
            end if;
        end $$
        """;

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
        using var optional = new NpgsqlCommand(OptionalSql, connection);
        try
        {
            optional.ExecuteNonQuery();
        }
        catch (PostgresException e) when (IsLanguageMissing(e))
        {
            // None of it is needed for what is right.
        }

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
        await using var optional = new NpgsqlCommand(OptionalSql, connection);
        try
        {
            await optional.ExecuteNonQueryAsync();
        }
        catch (PostgresException e) when (IsLanguageMissing(e))
        {
            // None of it is needed for what is right.
        }

        return true;
    }

    // PL/pgSQL may be dropped, or withdrawn from PUBLIC.
    private static bool IsLanguageMissing(PostgresException error) => error.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedObject;
}
