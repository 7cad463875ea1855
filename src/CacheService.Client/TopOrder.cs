namespace CacheService.Client;

/// <summary>What a ranking counts.</summary>
public enum TopOrder
{
    /// <summary>Retweets plus likes.</summary>
    Total,

    /// <summary>Retweets.</summary>
    Retweets,

    /// <summary>Likes.</summary>
    Likes,
}
