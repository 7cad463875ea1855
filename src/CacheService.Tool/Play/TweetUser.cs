namespace CacheService.Tool.Play;

/// <summary>A user whom a speaker can be.</summary>
internal sealed record TweetUser(long UserId, string Uname, string? Nickname);
