using System.Buffers;
using CacheService.Counts;

namespace CacheService.Reading;

/// <summary>Some messages' counts, all of one version. To be disposed of, once, when they have been taken.</summary>
internal readonly struct BatchReading(long[] messageIds, MessageCounts?[] pooled, CountsVersion version) : IDisposable
{
    /// <summary>The messages that were asked for.</summary>
    public ReadOnlySpan<long> MessageIds => messageIds;

    /// <summary>Their counts; null for those that are missing.</summary>
    public ReadOnlySpan<MessageCounts?> Counts => pooled.AsSpan(0, messageIds.Length);

    /// <summary>What the counts are of.</summary>
    public CountsVersion Version => version;

    /// <inheritdoc/>
    public void Dispose() => ArrayPool<MessageCounts?>.Shared.Return(pooled);
}
