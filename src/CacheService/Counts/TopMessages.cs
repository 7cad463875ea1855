namespace CacheService.Counts;

/// <summary>Selects the highest counts out of many: one pass, with a heap of the best so far.</summary>
internal static class TopMessages
{
    public static List<CountedMessage> Select(IEnumerable<KeyValuePair<long, MessageCounts>> all, TopOrder order, int limit)
    {
        // The worst of the best lies on top of the heap. Of equal counts the higher id is the worse.
        var best = new PriorityQueue<CountedMessage, (Int128 Rank, long MinusId)>(limit);
        foreach (var (messageId, counts) in all)
        {
            var priority = (Rank(counts, order), -messageId);
            if (best.Count < limit)
            {
                best.Enqueue(new CountedMessage(messageId, counts), priority);
            }
            else
            {
                best.EnqueueDequeue(new CountedMessage(messageId, counts), priority);
            }
        }

        var top = new List<CountedMessage>(best.Count);
        while (best.TryDequeue(out var message, out _))
        {
            top.Add(message);
        }

        top.Reverse();
        return top;
    }

    private static Int128 Rank(MessageCounts counts, TopOrder order) => order switch
    {
        TopOrder.Retweets => counts.Retweets,
        TopOrder.Likes => counts.Likes,
        _ => (Int128)counts.Retweets + counts.Likes,
    };
}
