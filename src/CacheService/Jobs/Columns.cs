using Npgsql;

namespace CacheService.Jobs;

/// <summary>Reads columns of a row that has been received whole.</summary>
internal static class Columns
{
    public static DateTimeOffset Time(this NpgsqlDataReader reader, int column) => reader.GetFieldValue<DateTimeOffset>(column);

    public static DateTimeOffset? TimeOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.Time(column);

    public static string? TextOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static bool Has(this NpgsqlDataReader reader, int column) => !reader.IsDBNull(column);
}
