namespace CacheService.Watching;

/// <summary>There is no room for another subscription.</summary>
internal sealed class TooManySubscriptionsException(int most) : Exception($"there are {most} subscriptions already; try again later, or watch more messages with one");
