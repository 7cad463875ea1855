namespace CacheService.Client;

/// <summary>A message's counts.</summary>
/// <param name="MessageId">The message, 1 and up.</param>
/// <param name="Retweets">Its retweets; negative where the database says so.</param>
/// <param name="Likes">Its likes; negative where the database says so.</param>
/// <param name="Revision">The revision of the last change to these counts; compares only within an epoch (<see cref="Freshness.Epoch"/>).</param>
public readonly record struct MessageCounts(long MessageId, long Retweets, long Likes, ulong Revision);
