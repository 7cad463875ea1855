using System.Text.Encodings.Web;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace CacheService.Security;

/// <summary>Finds out who calls, by API key or else by client certificate, and refuses in the way of the protocol.</summary>
internal sealed class CallerAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, ApiKeys keys, ClientCertificates certificates)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>The name of this way to authenticate.</summary>
    public const string SchemeName = "Caller";

    private const string Bearer = "Bearer ";

    private static readonly Task<AuthenticateResult> Nobody = Task.FromResult(AuthenticateResult.NoResult());
    private static readonly Task<AuthenticateResult> UnknownKey = Task.FromResult(
        AuthenticateResult.Fail("the service does not know this API key; check it, or ask for one (its operator makes it with tweetcounts new-api-key)"));

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // Who sends a key is its holder and nobody else, whatever the connection's certificate says.
        if (Request.Headers.Authorization is { Count: > 0 } authorization)
        {
            return KeyIn(authorization) is { } caller ? caller.Result : UnknownKey;
        }

        return certificates.AreAskedFor && Context.Connection.ClientCertificate is { } certificate ? certificates.Holder(certificate).Result : Nobody;
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure?.Message;
        var known = certificates.AreAskedFor ? ", or connect with a client certificate" : "";
        var (place, isGrpc) = Refusal.IsGrpc(Request) ? ("as metadata", true) : ("in the header", false);
        if (!isGrpc)
        {
            Response.Headers.WWWAuthenticate = Bearer.TrimEnd();
        }

        await Refusal.WriteAsync(Context, StatusCode.Unauthenticated, failure ?? $"this call needs an API key: send it {place}, authorization: Bearer KEY{known}");
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var right = Context.GetEndpoint()?.Metadata.GetMetadata<RequiredRight>()?.Right;
        return Refusal.WriteAsync(
            Context, StatusCode.PermissionDenied, $"'{Context.User.Identity?.Name}' lacks the right {right} for {Request.Path}; use a key that has it, or have it added in the service's settings");
    }

    private Caller? KeyIn(StringValues authorization) =>
        authorization is [{ } only] && only.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? keys.Find(only.AsSpan(Bearer.Length)) : null;
}
