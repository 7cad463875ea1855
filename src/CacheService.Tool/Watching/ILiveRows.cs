namespace CacheService.Tool.Watching;

/// <summary>Chooses which messages a live table shows.</summary>
internal interface ILiveRows : IDisposable
{
    /// <summary>The messages of the next picture, from top to bottom; as many as fit at most.</summary>
    IReadOnlyList<long> Choose(int fitting);
}
