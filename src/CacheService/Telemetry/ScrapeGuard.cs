using System.Net;
using CacheService.Security;
using Microsoft.Extensions.Options;

namespace CacheService.Telemetry;

/// <summary>
/// Answers scrapes from other machines only where the settings let strangers in, or their keys be sent there: an endpoint that is open for <c>/health</c>, which is for
/// everybody, must not tell everybody more by that.
/// </summary>
internal sealed class ScrapeGuard(RequestDelegate next, IOptions<SecurityOptions> security)
{
    /// <summary>Answers, or refuses with words.</summary>
    public Task InvokeAsync(HttpContext call) => WhyNot(call) is { } reason ? Results.Text($"{reason}\n", statusCode: StatusCodes.Status403Forbidden).ExecuteAsync(call) : next(call);

    private string? WhyNot(HttpContext call)
    {
        var options = security.Value;
        if (call.Connection.RemoteIpAddress is not { } address || IPAddress.IsLoopback(address))
        {
            return null;
        }

        if (!options.AsksWhoCalls())
        {
            return options.AllowAnonymousBeyondLoopback
                ? null
                : $"metrics are told to other machines only where callers say who they are: set Security:ApiKeys, or Security:{nameof(options.AllowAnonymousBeyondLoopback)}=true if everybody may read them";
        }

        return call.Request.IsHttps || options.ApiKeys.Count == 0 || options.AllowPlaintextKeysBeyondLoopback
            ? null
            : $"a key has crossed the network in the clear: give this endpoint a certificate, or set Security:{nameof(options.AllowPlaintextKeysBeyondLoopback)}=true if something else encrypts";
    }
}
