namespace CacheService.Counts;

/// <summary>A message's place among others: higher counts are greater, and of equal ones the lower id.</summary>
internal readonly record struct TopRank(Int128 Value, long MessageId) : IComparable<TopRank>
{
    /// <summary>What a message is ranked by. The sum of two counts may be more than they can be.</summary>
    public static Int128 ValueOf(in MessageCounts counts, TopOrder order) => order switch
    {
        TopOrder.Retweets => counts.Retweets,
        TopOrder.Likes => counts.Likes,
        _ => (Int128)counts.Retweets + counts.Likes,
    };

    /// <inheritdoc/>
    public int CompareTo(TopRank other) => Value == other.Value ? other.MessageId.CompareTo(MessageId) : Value.CompareTo(other.Value);
}
