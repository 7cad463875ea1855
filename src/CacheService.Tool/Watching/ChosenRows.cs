using CacheService.Client;

namespace CacheService.Tool.Watching;

/// <summary>The messages that the user named: all, in that order, where they fit; else those that changed last.</summary>
internal sealed class ChosenRows(CountsMirror mirror, long[] messageIds) : ILiveRows
{
    private readonly LatestRows _latest = new(mirror);

    public IReadOnlyList<long> Choose(int fitting) => messageIds.Length <= fitting ? messageIds : _latest.Choose(fitting);

    public void Dispose() => _latest.Dispose();
}
