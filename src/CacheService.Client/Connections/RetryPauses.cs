using System.Globalization;
using Grpc.Core;

namespace CacheService.Client.Connections;

/// <summary>Growing pauses between attempts: doubled each time up to a maximum, each drawn from its upper half.</summary>
internal sealed class RetryPauses(TimeSpan maximum)
{
    /// <summary>The trailer in which a server that has had enough says for how long.</summary>
    public const string Pushback = "grpc-retry-pushback-ms";

    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(50);

    private TimeSpan _next = First;

    public TimeSpan Next()
    {
        var pause = _next < maximum ? _next : maximum;
        _next = pause * 2;
        return pause * (0.5 + (Random.Shared.NextDouble() / 2));
    }

    /// <summary>The pause after a call that has failed; null: another attempt is of no use, or not wanted.</summary>
    public TimeSpan? After(RpcException failure)
    {
        // Anything but a number: for ever.
        if (failure.Trailers.GetValue(Pushback) is { } asked)
        {
            return int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds) ? TimeSpan.FromMilliseconds(milliseconds) : null;
        }

        return failure.StatusCode == StatusCode.Unavailable ? Next() : null;
    }

    public void Reset() => _next = First;
}
