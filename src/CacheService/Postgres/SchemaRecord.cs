using Npgsql;

namespace CacheService.Postgres;

/// <summary>Which files of <c>sql/</c> a database holds, compared with those that this service carries.</summary>
/// <param name="Missing">Those that it lacks, or holds in an earlier version, in the order in which they are applied.</param>
/// <param name="Later">What only a later version of the service applies, in words; null: nothing.</param>
internal sealed record SchemaRecord(IReadOnlyList<SqlFile> Missing, string? Later)
{
    private const string HasRecordSql =
        "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'twcache' and c.relname = 'schema_file')";

    // A database of an earlier version has no column for versions.
    private const string AppliedSql = "select name, coalesce((to_jsonb(f) ->> 'version')::int, 1) from twcache.schema_file f";

    /// <summary>Reads it.</summary>
    public static async Task<SchemaRecord> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var hasRecord = new NpgsqlCommand(HasRecordSql, connection);
        if (await hasRecord.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return new(SqlFiles.All, null);
        }

        var applied = new Dictionary<string, int>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(AppliedSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            applied.Add(reader.GetString(0), reader.GetInt32(1));
        }

        return Compare(applied);
    }

    /// <summary>Compares what a database has recorded, names and versions.</summary>
    public static SchemaRecord Compare(IReadOnlyDictionary<string, int> applied)
    {
        var missing = SqlFiles.All.Where(file => applied.GetValueOrDefault(file.Name) < file.Version).ToList();
        var known = SqlFiles.All.ToDictionary(file => file.Name, file => file.Version, StringComparer.Ordinal);
        var later = applied
            .Where(entry => !SqlFiles.EarlierNames.Contains(entry.Key) && (!known.TryGetValue(entry.Key, out var version) || version < entry.Value))
            .OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => known.TryGetValue(entry.Key, out var version)
                ? $"sql/{entry.Key} in version {entry.Value}, where this service has {version}"
                : $"sql/{entry.Key}, which this service does not have");
        var words = string.Join(", ", later);
        return new(missing, words.Length > 0 ? words : null);
    }
}
