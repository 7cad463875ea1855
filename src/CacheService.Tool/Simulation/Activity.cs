namespace CacheService.Tool.Simulation;

/// <summary>One row for tweet.activity.</summary>
internal readonly record struct Activity(long MessageId, ActivityKind Kind)
{
    /// <summary>The value of tweet.action_t.</summary>
    public string Action => Kind switch
    {
        ActivityKind.Retweet => "rt",
        ActivityKind.Like => "fav",
        ActivityKind.UndoRetweet => "de-rt",
        ActivityKind.UndoLike => "de-fav",
        _ => throw new InvalidOperationException($"There is no action for {Kind}."),
    };
}
