namespace Grpc.Core;

/// <summary>How the connections of a channel are doing.</summary>
public enum ConnectivityState
{
    /// <summary>Not connected, and not trying.</summary>
    Idle,

    /// <summary>Connecting.</summary>
    Connecting,

    /// <summary>Connected.</summary>
    Ready,

    /// <summary>The last attempt failed; there will be another.</summary>
    TransientFailure,

    /// <summary>Closed for good.</summary>
    Shutdown,
}
