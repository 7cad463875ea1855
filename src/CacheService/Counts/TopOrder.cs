namespace CacheService.Counts;

/// <summary>What the top messages are ranked by.</summary>
internal enum TopOrder
{
    /// <summary>Retweets plus likes.</summary>
    Total,

    /// <summary>Retweets.</summary>
    Retweets,

    /// <summary>Likes.</summary>
    Likes,
}
