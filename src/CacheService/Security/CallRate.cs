using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using CacheService.Metrics;
using CacheService.Reading;
using Grpc.Core;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>How many calls a caller may make: <see cref="LimitsOptions.CallsPerSecond"/>.</summary>
internal sealed class CallRate : IConfigureOptions<RateLimiterOptions>
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly int _limit;
    private readonly PartitionedRateLimiter<HttpContext> _callers;

    public CallRate(IOptions<LimitsOptions> limits)
    {
        // A bucket holds a second's calls: who was quiet may make them all at once.
        _limit = limits.Value.CallsPerSecond;
        var bucket = new TokenBucketRateLimiterOptions { TokenLimit = _limit, TokensPerPeriod = _limit, ReplenishmentPeriod = Period };
        _callers = PartitionedRateLimiter.Create<HttpContext, string>(
            call => RateLimitPartition.GetTokenBucketLimiter(call.User.Identity?.Name ?? Network(call.Connection.RemoteIpAddress), _ => bucket));
    }

    public void Configure(RateLimiterOptions options)
    {
        options.GlobalLimiter = _callers;
        options.OnRejected = async (rejected, _) =>
        {
            var wait = WaitOf(rejected.Lease);
            var response = rejected.HttpContext.Response;
            // What gRPC clients with a retry policy of their own look at.
            response.Headers["grpc-retry-pushback-ms"] = wait.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
            response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
            await Refusal.WriteAsync(rejected.HttpContext, StatusCode.ResourceExhausted, Describe(wait));
        };
    }

    /// <summary>Counts one more call of a caller, for what is one though it comes within another.</summary>
    /// <param name="call">The other.</param>
    /// <param name="refusal">Where the caller has made as many as it may: what it is told.</param>
    /// <param name="wait">When to try again.</param>
    /// <returns>Whether it is refused.</returns>
    public bool IsRefused(ServerCallContext call, out Status refusal, out TimeSpan wait)
    {
        (refusal, wait) = (Status.DefaultSuccess, TimeSpan.Zero);
        if (_limit == 0)
        {
            return false;
        }

        using var lease = _callers.AttemptAcquire(call.GetHttpContext());
        if (lease.IsAcquired)
        {
            return false;
        }

        wait = WaitOf(lease);
        refusal = new Status(StatusCode.ResourceExhausted, Describe(wait));
        Instruments.CallErrors.Increment(StatusCode.ResourceExhausted);
        return true;
    }

    private string Describe(TimeSpan wait) => $"more than {_limit} calls a second from one caller; try again in {wait.TotalSeconds:0.#} s, ask for many messages in one call, or watch them";

    private static TimeSpan WaitOf(RateLimitLease lease) => lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : Period;

    // Of IPv6 a single machine has a whole /64 of addresses.
    private static string Network(IPAddress? address)
    {
        if (address is not { AddressFamily: System.Net.Sockets.AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
        {
            return address?.MapToIPv4().ToString() ?? "";
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes).ToString();
    }
}
