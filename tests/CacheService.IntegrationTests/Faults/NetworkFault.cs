namespace CacheService.IntegrationTests.Faults;

/// <summary>What is wrong with the network between the service and its server.</summary>
internal enum NetworkFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Connections are cut, and new ones refused.</summary>
    Refuses,

    /// <summary>Bytes are held back, and delivered when it is over.</summary>
    Stalls,

    /// <summary>Whatever is sent is lost.</summary>
    SwallowsBoth,

    /// <summary>What the service sends is lost.</summary>
    SwallowsToServer,

    /// <summary>What the server sends is lost.</summary>
    SwallowsToClient,
}
