namespace CacheService.Client;

/// <summary>A message: who wrote what, and its counts.</summary>
/// <param name="MessageId">The message, 1 and up.</param>
/// <param name="Author">The author's name.</param>
/// <param name="Text">As written: it may hold line breaks and control characters.</param>
/// <param name="PostedAt">When it was posted; null where the server does not say.</param>
/// <param name="Counts">Its counts.</param>
/// <param name="Freshness">Which snapshot the counts are from. The text may be older.</param>
public sealed record TweetMessage(long MessageId, string Author, string Text, DateTimeOffset? PostedAt, MessageCounts Counts, Freshness Freshness);
