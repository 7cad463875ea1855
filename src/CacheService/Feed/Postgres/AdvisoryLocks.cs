namespace CacheService.Feed.Postgres;

/// <summary>The advisory locks that the feed takes itself, as arguments in SQL; <c>sql/001_schema_files.sql</c> lists them all.</summary>
internal static class AdvisoryLocks
{
    public const string Asleep = "1951, 2";
    public const string Ringer = "1951, 3";
}
