namespace CacheService.Watching;

/// <summary>There is no room for another subscription.</summary>
internal sealed class TooManySubscriptionsException : Exception
{
    private TooManySubscriptionsException(string message)
        : base(message)
    {
    }

    /// <summary>There are as many as there may be.</summary>
    public static TooManySubscriptionsException Of(int most) => new($"there are {most} subscriptions already; try again later, or watch more messages with one");

    /// <summary>They watch as many messages as they may.</summary>
    public static TooManySubscriptionsException OfIds(int asked, long watched, int most) => new(
        $"there is no room for {asked} more message ids: {watched} are watched, and {most} may be, in all subscriptions together; try again later, or watch all messages with one subscription");
}
