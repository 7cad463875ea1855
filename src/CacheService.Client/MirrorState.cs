namespace CacheService.Client;

/// <summary>How a <see cref="CountsMirror"/> is doing.</summary>
public enum MirrorState
{
    /// <summary>It has not yet been complete: it is empty.</summary>
    Starting,

    /// <summary>It is complete and follows the database.</summary>
    Live,

    /// <summary>It holds what was true earlier: the connection or the server's feed is down, or it is catching up. Its age says how old.</summary>
    Stale,

    /// <summary>It has ended with an error that no other attempt mends, or because its client was disposed. It keeps what it holds.</summary>
    Failed,
}
