namespace CacheService.Tool.Cast;

/// <summary>How many rows of a cast were added; null followers where the database has no table of them.</summary>
internal sealed record CastLoad(int Users, int Messages, int? Followers);
