using CacheService.Client;

namespace CacheService.Tool.Watching;

/// <summary>The messages with the highest counts, highest first; equal ones by message id.</summary>
internal sealed class TopRows(CountsMirror mirror, TopOrder order, int limit) : ILiveRows
{
    public IReadOnlyList<long> Choose(int fitting) => Highest(mirror, order, Math.Min(limit, fitting));

    public static IReadOnlyList<long> Highest(IEnumerable<MessageCounts> counts, TopOrder order, int limit) =>
        [.. counts.OrderByDescending(c => Score(c, order)).ThenBy(c => c.MessageId).Take(limit).Select(c => c.MessageId)];

    public void Dispose()
    {
    }

    private static long Score(MessageCounts counts, TopOrder order) => order switch
    {
        TopOrder.Retweets => counts.Retweets,
        TopOrder.Likes => counts.Likes,
        _ => counts.Retweets + counts.Likes,
    };
}
