using Npgsql;

namespace CacheService.Postgres;

/// <summary>Brings a database to the schema that the service needs, or says what is missing.</summary>
internal sealed partial class SchemaInstaller(ILogger<SchemaInstaller> logger)
{
    private const int OldestServer = 14;

    /// <summary>How often locks are asked for that are not to be had in a moment, before the caller is told who holds them.</summary>
    private const int LockAttempts = 10;

    // What the server, the database or the role has set must not end the installation; nor may it hold up writers for more than a moment.
    private const string BeginSql =
        """
        begin isolation level read committed read write;
        set local statement_timeout = 0;
        set local idle_in_transaction_session_timeout = 0;
        set local lock_timeout = '40ms';
        select pg_advisory_xact_lock(1951, 1)
        """;

    // By names and not by signatures, because what does not exist must be told as well.
    private const string NeededRightsSql =
        """
        with relation as (
            select n.nspname || '.' || c.relname as name, c.oid
              from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('tweet', 'twcache')
        ), function as (
            select format('%s.%s(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as name, p.oid
              from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'twcache'
        )
        select string_agg(format('%s on %s%s', need.privilege, case need.kind when 'schema' then 'schema ' when 'function' then 'function ' else '' end, need.name), ', ')
          from (values
                  ('schema',   'usage',   'tweet'),
                  ('schema',   'usage',   'twcache'),
                  ('table',    'select',  'tweet.users'),
                  ('table',    'select',  'tweet.message'),
                  ('table',    'select',  'tweet.activity'),
                  ('table',    'select',  'twcache.change'),
                  ('table',    'select',  'twcache.change_identity'),
                  ('table',    'select',  'twcache.consumer'),
                  ('table',    'select',  'twcache.definition'),
                  ('table',    'select',  'twcache.counted_table'),
                  ('table',    'select',  'twcache.trigger_form'),
                  ('table',    'select',  'twcache.baseline'),
                  ('table',    'select',  'twcache.rollup'),
                  ('table',    'select',  'twcache.counters_now'),
                  ('table',    'select',  'twcache.daily_counters_now'),
                  ('sequence', 'select',  'twcache.lapse'),
                  ('sequence', 'select',  'twcache.lease'),
                  ('function', 'execute', 'twcache.register(text, text, integer, text[])'),
                  ('function', 'execute', 'twcache.renew(text, bigint, bigint, pg_snapshot, boolean, integer)'),
                  ('function', 'execute', 'twcache.renew(text, pg_snapshot, integer)'),
                  ('function', 'execute', 'twcache.trim(integer)'),
                  ('function', 'execute', 'twcache.install_triggers()'),
                  ('function', 'execute', 'twcache.problems()'),
                  ('function', 'execute', 'twcache.footprint(oid[], oid[], boolean)'),
                  ('function', 'execute', 'twcache.recent_changes(pg_snapshot)'),
                  ('function', 'execute', 'twcache.changes_between(pg_snapshot, pg_snapshot)'),
                  ('function', 'execute', 'twcache.pending_changes()'),
                  ('function', 'execute', 'twcache.foreign_rows()'),
                  ('function', 'execute', 'twcache.log_form()'),
                  ('function', 'execute', 'twcache.as_time(timestamp with time zone)'),
                  ('function', 'execute', 'twcache.as_time(timestamp without time zone)'),
                  ('function', 'execute', 'twcache.slot_of(timestamp with time zone)'),
                  ('function', 'execute', 'twcache.day_of(timestamp with time zone, text)'),
                  ('function', 'execute', 'twcache.keeps_days()'),
                  ('function', 'execute', 'twcache.day_zone()'),
                  ('function', 'execute', 'twcache.set_day_zone(text)'),
                  ('function', 'execute', 'twcache.earlier_transaction(xid8)'),
                  ('function', 'execute', 'twcache.rollup_problem(boolean)'),
                  ('function', 'execute', 'twcache.roll_up(integer)'),
                  ('function', 'execute', 'twcache.drop_rollup()'),
                  ('function', 'execute', 'twcache.reload()')
               ) as need (kind, privilege, name)
         where case need.kind
                   when 'schema'   then has_schema_privilege((select oid from pg_namespace where nspname = need.name), need.privilege)
                   when 'function' then has_function_privilege((select oid from function where function.name = need.name), need.privilege)
                   when 'sequence' then has_sequence_privilege((select oid from relation where relation.name = need.name), need.privilege)
                   else has_table_privilege((select oid from relation where relation.name = need.name), need.privilege) end is not true
        """;

    private const string BlockersSql =
        """
        select string_agg(distinct format('pid %s (%s, for %s s)', a.pid, coalesce(nullif(a.application_name, ''), a.usename::text, a.backend_type),
                                          round(extract(epoch from clock_timestamp() - a.xact_start))), ', ')
          from pg_locks l
          join pg_class c on c.oid = l.relation
          join pg_namespace n on n.oid = c.relnamespace
          join pg_stat_activity a on a.pid = l.pid
         where n.nspname in ('tweet', 'twcache') and l.granted and l.mode <> 'AccessShareLock' and a.pid <> pg_backend_pid()
           and l.database = (select oid from pg_database where datname = current_database())
        """;

    // What GetMessage, audits and the view find a message's activity by.
    private const string MissingIndexSql =
        """
        select not exists (
            select from pg_index i
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
             where i.indrelid = to_regclass('tweet.activity') and a.attname = 'messageid' and i.indisvalid and i.indpred is null)
           and (select count(*) from (select from tweet.activity limit 10001) as few) > 10000
        """;

    /// <summary>Applies what the database lacks, whole or not at all, and checks that all is there and the role may use it.</summary>
    /// <param name="connection">To the database.</param>
    /// <param name="mayInstall">
    /// Whether to apply what is missing. False on a service's later connections: what has gone missing meanwhile may be on its way back
    /// (a restore), which creating it would disturb.
    /// </param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="DatabaseSetupException">Something is missing, and the role may not mend it; or the database cannot be used as it is.</exception>
    /// <exception cref="TimeoutException">Other transactions hold locks that are needed: try again.</exception>
    public async Task EnsureAsync(NpgsqlConnection connection, bool mayInstall, CancellationToken cancellationToken)
    {
        if (connection.PostgreSqlVersion.Major < OldestServer)
        {
            throw new DatabaseSetupException($"PostgreSQL {connection.PostgreSqlVersion} is too old: version {OldestServer} or newer is needed.");
        }

        var record = await ReadRecordAsync(connection, cancellationToken);
        if (record.Missing.Count > 0)
        {
            if (!mayInstall)
            {
                throw new DatabaseSetupException(
                    $"The database lacks sql/{record.Missing[0].Name}, which it had when the service began: a restore may be under way. When it is over, restart the service, "
                    + $"or as the owner of the tables run: psql -v ON_ERROR_STOP=1 -f sql/{SqlFiles.Check} (and the files after it), then: grant twcache_reader to \"{connection.UserName}\"");
            }

            await InstallPatientlyAsync(connection, cancellationToken);
            await WarnOfMissingIndexAsync(connection, cancellationToken);
        }

        await CheckRightsAsync(connection, cancellationToken);
    }

    /// <summary>What keeps the change log from proving the counts, in a line; null if nothing does.</summary>
    public static async Task<string?> FindProblemsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select nullif(array_to_string(twcache.problems(), '; '), '')", connection);
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    /// <summary>Brings the triggers to the tables' partitions and children as they are now, where locks on them are to be had in a moment.</summary>
    /// <returns>False: somebody holds one; it can be tried again.</returns>
    public static async Task<bool> MendTriggersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await ExecuteAsync(connection, "select twcache.install_triggers()", cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.InsufficientPrivilege)
        {
            // What is still missing is told as a problem, with what to do.
            return e.SqlState == PostgresErrorCodes.InsufficientPrivilege;
        }
    }

    private static async Task<SchemaRecord> ReadRecordAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var record = await SchemaRecord.ReadAsync(connection, cancellationToken);
            return record.Later is null ? record : throw new DatabaseSetupException(
                $"A later version of the service has set this database up ({record.Later}): run that version. Nothing was changed.");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw MissingRights(connection, "select on twcache.schema_file", e);
        }
    }

    private async Task InstallPatientlyAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await InstallAsync(connection, cancellationToken);
                return;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                if (attempt == LockAttempts)
                {
                    throw new TimeoutException(
                        $"The database is not set up yet: other transactions hold locks on its tables, and it waits for a moment only so as not to hold up writers: {await BlockersAsync(connection, cancellationToken)}", e);
                }

                // Not in step with other services that start, nor with a writer that comes at intervals.
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(20, 300)), cancellationToken);
            }
        }
    }

    private async Task InstallAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var current = SqlFiles.Check;
        var lacks = "";
        var applied = new List<string>();
        try
        {
            await ExecuteAsync(connection, BeginSql, cancellationToken);
            // Another service may have applied them while this one waited for the lock.
            var record = await ReadRecordAsync(connection, cancellationToken);
            lacks = record.Missing.Count is > 0 and var count && count < SqlFiles.All.Count ? $"The database lacks sql/{record.Missing[0].Name}. " : "";
            foreach (var file in record.Missing.Count > 0 ? SqlFiles.All.Where(file => file.Name == SqlFiles.Check || record.Missing.Contains(file)) : [])
            {
                current = file.Name;
                await ExecuteAsync(connection, file.Statements, cancellationToken);
                applied.Add(file.Name);
            }

            await ExecuteAsync(connection, "commit", cancellationToken);
        }
        catch (Exception e)
        {
            await RollBackAsync(connection);
            switch (e)
            {
                case PostgresException { SqlState: PostgresErrorCodes.ObjectNotInPrerequisiteState } refused:
                    throw new DatabaseSetupException(lacks + refused.MessageText, refused);
                case PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused:
                    throw new DatabaseSetupException(
                        $"The database lacks sql/{current}, and role \"{connection.UserName}\" may not apply it ({refused.MessageText}). As the owner of the tables run: "
                        + $"psql -v ON_ERROR_STOP=1 -f sql/{SqlFiles.Check} (and the files after it), then: grant twcache_reader to \"{connection.UserName}\"",
                        refused);
                case PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected }:
                    throw;
                case PostgresException failed:
                    throw new NpgsqlException($"sql/{current} could not be applied, and nothing was changed", failed);
                default:
                    throw;
            }
        }

        foreach (var file in applied)
        {
            LogApplied(logger, file);
        }
    }

    private static async Task RollBackAsync(NpgsqlConnection connection)
    {
        try
        {
            await ExecuteAsync(connection, "rollback", CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The connection is gone, and its transaction with it.
        }
    }

    private static async Task<string> BlockersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(BlockersSql, connection);
        return await command.ExecuteScalarAsync(cancellationToken) as string ?? "writers come too fast one after the other";
    }

    private async Task WarnOfMissingIndexAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(MissingIndexSql, connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            LogIndexMissing(logger);
        }
    }

    private static async Task CheckRightsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(NeededRightsSql, connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is string missing)
        {
            throw MissingRights(connection, missing);
        }
    }

    private static DatabaseSetupException MissingRights(NpgsqlConnection connection, string missing, Exception? cause = null) => new(
        $"Role \"{connection.UserName}\" lacks: {missing}. As the owner of the tables run: grant twcache_reader to \"{connection.UserName}\" "
        + "(where there is no role twcache_reader, as after a restore on another server, or it lacks rights itself: run psql -v ON_ERROR_STOP=1 -f sql/940_roles.sql before, again)",
        cause);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 2010, EventName = "SchemaFileApplied", Level = LogLevel.Information, Message = "Applied sql/{File} to the database.")]
    private static partial void LogApplied(ILogger logger, string file);

    [LoggerMessage(EventId = 2011, EventName = "ActivityIndexMissing", Level = LogLevel.Warning,
        Message = "tweet.activity has no index that begins with messageid: audits and the view are slow without it. Create it, without holding up writers: "
            + "create index concurrently on tweet.activity (messageid) (where it is partitioned: on each partition, then without concurrently on tweet.activity)")]
    private static partial void LogIndexMissing(ILogger logger);
}

/// <summary>The database cannot be used as it is; the message says what is missing and what to do.</summary>
internal sealed class DatabaseSetupException(string message, Exception? cause = null) : Exception(message, cause);
