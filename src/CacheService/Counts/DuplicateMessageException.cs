namespace CacheService.Counts;

/// <summary>A load brought a message twice: the table has no key on it.</summary>
internal sealed class DuplicateMessageException(long messageId)
    : Exception($"tweet.message has message {messageId} more than once; every messageid must be there once (a unique index on messageid keeps it so)");
