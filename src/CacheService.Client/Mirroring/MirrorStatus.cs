namespace CacheService.Client.Mirroring;

/// <summary>What a mirror says of itself at one moment.</summary>
/// <param name="State">How it is doing.</param>
/// <param name="Detail">Why it is not live, in words; empty when it is.</param>
/// <param name="Freshness">Of the counts that it holds; null before the first complete ones.</param>
/// <param name="ReceivedAt">When that freshness came, as a timestamp of the clock in use.</param>
internal sealed record MirrorStatus(MirrorState State, string Detail, Freshness? Freshness, long ReceivedAt)
{
    public static MirrorStatus Initial { get; } = new(MirrorState.Starting, "connecting", null, 0);

    /// <summary>Complete, as of a message that has just come.</summary>
    public static MirrorStatus Complete(Freshness freshness, long receivedAt) => freshness.State == FeedState.Live
        ? new MirrorStatus(MirrorState.Live, "", freshness, receivedAt)
        : new MirrorStatus(MirrorState.Stale, "the server's feed is down", freshness, receivedAt);

    /// <summary>No longer kept up, or not yet; what is held stays as it is.</summary>
    public MirrorStatus Behind(string why) => this with { State = Freshness is null ? MirrorState.Starting : MirrorState.Stale, Detail = why };
}
