namespace CacheService.Client;

/// <summary>All counts have been loaded afresh.</summary>
/// <param name="Messages">How many messages were loaded.</param>
/// <param name="Duration">How long it took, from its beginning to LIVE.</param>
/// <param name="Freshness">Of the counts that were loaded.</param>
public sealed record ReloadAnswer(long Messages, TimeSpan Duration, Freshness Freshness);
