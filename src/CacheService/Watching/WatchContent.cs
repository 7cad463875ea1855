using CacheService.Counts;

namespace CacheService.Watching;

/// <summary>Counts and removals that are told in one message, to one subscriber or to many. Thread-safe.</summary>
/// <param name="counts">The current counts of messages that changed or came.</param>
/// <param name="removed">Messages that went.</param>
internal sealed class WatchContent(IReadOnlyList<CountedMessage> counts, IReadOnlyList<long> removed)
{
    /// <summary>
    /// The most counts and removals: some 40 kB on the wire. It is what a stream holds for a client that does not read, besides what the server has taken to send; and
    /// more at once would not be sent faster.
    /// </summary>
    public const int MaxEntries = 2_000;

    private byte[]? _protobuf;
    private byte[]? _json;

    /// <summary>Nothing.</summary>
    public static WatchContent Empty { get; } = new([], []);

    /// <inheritdoc cref="WatchContent" path="/param[@name='counts']"/>
    public IReadOnlyList<CountedMessage> Counts => counts;

    /// <inheritdoc cref="WatchContent" path="/param[@name='removed']"/>
    public IReadOnlyList<long> Removed => removed;

    /// <summary>How many counts and removals there are.</summary>
    public int Count => counts.Count + removed.Count;

    /// <summary>Whether several subscribers are told this very object: then it is worth while to keep what it is encoded to.</summary>
    public bool IsShared { get; init; }

    /// <summary>What it is on the wire, made by the first who asks for that encoding.</summary>
    public byte[] EncodeOnce(WatchEncoding encoding, Func<WatchContent, byte[]> encode)
    {
        ref var kept = ref (encoding == WatchEncoding.Json ? ref _json : ref _protobuf);
        if (Volatile.Read(ref kept) is not { } encoded)
        {
            encoded = encode(this);
            encoded = Interlocked.CompareExchange(ref kept, encoded, null) ?? encoded;
        }

        return encoded;
    }

    /// <summary>Parts that fit a message each; one that is empty if there is nothing.</summary>
    public static IReadOnlyList<WatchContent> Split(IReadOnlyList<CountedMessage> counts, IReadOnlyList<long> removed, bool isShared = false)
    {
        if (counts.Count + removed.Count <= MaxEntries)
        {
            return [new WatchContent(counts, removed) { IsShared = isShared }];
        }

        var parts = new List<WatchContent>();
        var (left, leftRemoved) = (new ArraySegment<CountedMessage>([.. counts]), new ArraySegment<long>([.. removed]));
        while (left.Count + leftRemoved.Count > 0)
        {
            var fitting = Math.Min(left.Count, MaxEntries);
            var fittingRemoved = Math.Min(leftRemoved.Count, MaxEntries - fitting);
            parts.Add(new WatchContent(left[..fitting], leftRemoved[..fittingRemoved]) { IsShared = isShared });
            (left, leftRemoved) = (left[fitting..], leftRemoved[fittingRemoved..]);
        }

        return parts;
    }
}

/// <summary>What <see cref="WatchContent"/> is encoded to.</summary>
internal enum WatchEncoding
{
    Protobuf,
    Json,
}
