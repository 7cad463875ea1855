namespace CacheService.Feed.Postgres;

/// <summary>The advisory locks that the feed takes itself, as arguments in SQL; <c>sql/010_check.sql</c> lists them all.</summary>
internal static class AdvisoryLocks
{
    public const string Asleep = "1951, 2";
    public const string Ringer = "1951, 3";
}
