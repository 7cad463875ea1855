using System.Net;
using CacheService.Reading;
using CacheService.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Security;

/// <summary>Who counts as one caller, of those whom nobody knows.</summary>
internal sealed class CallRateTests
{
    [TestCase("192.0.2.1", "192.0.2.1", true)]
    [TestCase("192.0.2.1", "192.0.2.2", false)]
    [TestCase("192.0.2.1", "::ffff:192.0.2.1", true)]
    [TestCase("::ffff:192.0.2.1", "::ffff:192.0.2.2", false)]
    [TestCase("2001:db8::1", "2001:db8::ffff:1", true)]
    [TestCase("2001:db8::1", "2001:db8:0:1::1", false)]
    public void Limit_OfTwoAddresses_IsSharedWithinOneNetwork(string first, string second, bool isShared)
    {
        var options = new RateLimiterOptions();
        new CallRate(Options.Create(new LimitsOptions { CallsPerSecond = 1 })).Configure(options);
        using var limiter = options.GlobalLimiter!;

        Assert.That(Acquire(first), Is.True);
        Assert.That(Acquire(first), Is.False);
        Assert.That(Acquire(second), Is.Not.EqualTo(isShared));

        bool Acquire(string address)
        {
            using var lease = limiter.AttemptAcquire(new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse(address) } });
            return lease.IsAcquired;
        }
    }
}
