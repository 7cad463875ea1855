namespace CacheService.Security;

/// <summary>What a caller may do.</summary>
[Flags]
internal enum Rights
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Read counts, messages, the status, what jobs did, and the reflection service.</summary>
    Read = 1,

    /// <summary>Watch counts.</summary>
    Watch = 2,

    /// <summary>Make the service do work that disturbs others.</summary>
    Admin = 4,

    /// <summary>Start, stop and schedule jobs.</summary>
    Jobs = 8,
}
