using Npgsql;

namespace CacheService.Postgres;

/// <summary>Brings a database to the schema that the service needs, or says what is missing.</summary>
internal sealed partial class SchemaInstaller(ILogger<SchemaInstaller> logger)
{
    private const int OldestServer = 14;

    private const string NeededRightsSql =
        """
        select string_agg(need.words, ', ')
          from (values
                  ('usage on schema tweet',                   has_schema_privilege('tweet', 'usage')),
                  ('usage on schema twcache',                 has_schema_privilege('twcache', 'usage')),
                  ('select on tweet.users',                   has_table_privilege('tweet.users', 'select')),
                  ('select on tweet.message',                 has_table_privilege('tweet.message', 'select')),
                  ('select on tweet.activity',                has_table_privilege('tweet.activity', 'select')),
                  ('select on twcache.change',                has_table_privilege('twcache.change', 'select')),
                  ('select on twcache.change_identity',       has_table_privilege('twcache.change_identity', 'select')),
                  ('select on twcache.consumer',              has_table_privilege('twcache.consumer', 'select')),
                  ('select on twcache.lapse',                 has_sequence_privilege('twcache.lapse', 'select')),
                  ('execute on function twcache.register',    has_function_privilege('twcache.register(text, text, int)', 'execute')),
                  ('execute on function twcache.renew',       has_function_privilege('twcache.renew(text, pg_snapshot, int)', 'execute')),
                  ('execute on function twcache.trim',        has_function_privilege('twcache.trim(int)', 'execute'))
               ) as need (words, granted)
         where not need.granted
        """;

    private const string MissingTriggersSql =
        """
        select string_agg(need.name, ', ')
          from (values ('tweet.activity', 'twcache_activity_insert'), ('tweet.activity', 'twcache_activity_delete'),
                       ('tweet.activity', 'twcache_activity_update'), ('tweet.activity', 'twcache_activity_truncate'),
                       ('tweet.message', 'twcache_message_insert'), ('tweet.message', 'twcache_message_delete'),
                       ('tweet.message', 'twcache_message_key'), ('tweet.message', 'twcache_message_truncate')) as need (relation, name)
         where not exists (select from pg_trigger t where t.tgrelid = need.relation::regclass and t.tgname = need.name and t.tgenabled in ('O', 'A'))
        """;

    /// <summary>Applies the files that the database lacks, in order, and checks the triggers and the role's rights.</summary>
    /// <exception cref="DatabaseSetupException">A file, a trigger or a right is missing, and the role may not mend it.</exception>
    public async Task EnsureAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (connection.PostgreSqlVersion.Major < OldestServer)
        {
            throw new DatabaseSetupException($"PostgreSQL {connection.PostgreSqlVersion} is too old: version {OldestServer} or newer is needed.");
        }

        if ((await MissingFilesAsync(connection, cancellationToken)).Count > 0)
        {
            await ApplyMissingAsync(connection, cancellationToken);
        }

        await CheckRightsAsync(connection, cancellationToken);
        await CheckTriggersAsync(connection, cancellationToken);
    }

    private async Task ApplyMissingAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Another service may apply them at the same time: each file takes a lock, and may be run again.
        foreach (var file in await MissingFilesAsync(connection, cancellationToken))
        {
            try
            {
                await ExecuteAsync(connection, SqlFiles.Read(file), cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
            {
                throw new DatabaseSetupException(
                    $"The database lacks sql/{file}, and role \"{connection.UserName}\" may not apply it ({e.MessageText}). As the database's owner run: "
                    + $"psql -v ON_ERROR_STOP=1 -f sql/{file} (and the files after it), then: grant twcache_reader to \"{connection.UserName}\"",
                    e);
            }

            LogApplied(logger, file);
        }
    }

    private static async Task<List<string>> MissingFilesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string HasRecordSql =
            "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'twcache' and c.relname = 'schema_file')";
        await using var hasRecord = new NpgsqlCommand(HasRecordSql, connection);
        if (await hasRecord.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return [.. SqlFiles.Names];
        }

        var applied = new HashSet<string>();
        try
        {
            await using var names = new NpgsqlCommand("select name from twcache.schema_file", connection);
            await using var reader = await names.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                applied.Add(reader.GetString(0));
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw MissingRights(connection, "select on twcache.schema_file", e);
        }

        return [.. SqlFiles.Names.Where(name => !applied.Contains(name))];
    }

    private static async Task CheckRightsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(NeededRightsSql, connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is string missing)
        {
            throw MissingRights(connection, missing);
        }
    }

    /// <summary>The triggers that are missing or disabled, in a line; null if none is.</summary>
    public static async Task<string?> FindMissingTriggersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(MissingTriggersSql, connection);
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private static async Task CheckTriggersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await FindMissingTriggersAsync(connection, cancellationToken) is { } missing)
        {
            throw new DatabaseSetupException(
                $"Changes would go unrecorded: triggers are missing or disabled: {missing}. As the owner of the tables enable them, or run: psql -v ON_ERROR_STOP=1 -f sql/005_triggers.sql");
        }
    }

    private static DatabaseSetupException MissingRights(NpgsqlConnection connection, string missing, Exception? cause = null) => new(
        $"Role \"{connection.UserName}\" lacks: {missing}. As the database's owner run: grant twcache_reader to \"{connection.UserName}\"", cause);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 1, EventName = "SchemaFileApplied", Level = LogLevel.Information, Message = "Applied sql/{File} to the database.")]
    private static partial void LogApplied(ILogger logger, string file);
}
