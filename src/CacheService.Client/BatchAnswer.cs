namespace CacheService.Client;

/// <summary>The counts of many messages, all from one snapshot of the database.</summary>
/// <param name="Found">In the order of the request, without the missing ones.</param>
/// <param name="MissingMessageIds">Ids of messages that do not exist.</param>
/// <param name="Freshness">Which snapshot they are from.</param>
public sealed record BatchAnswer(IReadOnlyList<MessageCounts> Found, IReadOnlyList<long> MissingMessageIds, Freshness Freshness);
