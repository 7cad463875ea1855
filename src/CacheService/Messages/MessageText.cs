namespace CacheService.Messages;

/// <summary>What a message says, who wrote it, and when.</summary>
internal sealed record MessageText(string Author, string Text, DateTime PostedAt);
