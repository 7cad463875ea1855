namespace CacheService.Feed;

/// <summary>Whether writers wake the cache.</summary>
internal enum Doorbell
{
    /// <summary>Unless the server allows prepared transactions, which may not notify.</summary>
    Auto,

    /// <summary>Yes.</summary>
    Always,

    /// <summary>No: the change log is read again and again.</summary>
    Never,
}
