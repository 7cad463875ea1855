namespace CacheService.Tool.Cast;

/// <summary>A user of the article series, and what it says.</summary>
internal sealed record CastMember(string Uname, string Nickname, string Bio, IReadOnlyList<string> Messages);
