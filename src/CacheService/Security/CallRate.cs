using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using CacheService.Reading;
using Grpc.Core;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>How many calls a caller may make: <see cref="LimitsOptions.CallsPerSecond"/>.</summary>
internal sealed class CallRate(IOptions<LimitsOptions> limits) : IConfigureOptions<RateLimiterOptions>
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    public void Configure(RateLimiterOptions options)
    {
        // A bucket holds a second's calls: who was quiet may make them all at once.
        var bucket = new TokenBucketRateLimiterOptions
        {
            TokenLimit = limits.Value.CallsPerSecond,
            TokensPerPeriod = limits.Value.CallsPerSecond,
            ReplenishmentPeriod = Period,
        };
        options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(
            call => RateLimitPartition.GetTokenBucketLimiter(call.User.Identity?.Name ?? Network(call.Connection.RemoteIpAddress), _ => bucket));
        options.OnRejected = async (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var time) ? time : Period;
            var response = rejected.HttpContext.Response;
            // What gRPC clients with a retry policy of their own look at.
            response.Headers["grpc-retry-pushback-ms"] = wait.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
            response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
            await Refusal.WriteAsync(
                rejected.HttpContext, StatusCode.ResourceExhausted, $"more than {limits.Value.CallsPerSecond} calls a second from one caller; try again in {wait.TotalSeconds:0.#} s, ask for many messages in one call, or watch them");
        };
    }

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
