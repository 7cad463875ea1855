using System.Net;
using CacheService.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>Refuses settings that would let strangers in from other machines, or send keys there in the clear.</summary>
internal sealed class EndpointCheck(IConfiguration configuration, IOptions<SecurityOptions> options) : ISettingsCheck
{
    private static string Setting(string name) => $"{SecurityOptions.Section}:{name}";

    public IReadOnlyList<string> FindErrors()
    {
        try
        {
            var security = options.Value;
            return [.. Endpoints()
                .Where(endpoint => security.AllowHttp || !IsOnly(endpoint.Protocols, HttpProtocols.Http1))
                .SelectMany(endpoint => FindErrors(endpoint.Name, endpoint.Address, endpoint.Protocols, security))];
        }
        catch (Exception e) when (e is OptionsValidationException or InvalidOperationException)
        {
            // Told by the check of the section.
            return [];
        }
    }

    private static IEnumerable<string> FindErrors(string name, BindingAddress address, string? protocols, SecurityOptions security)
    {
        var isTls = address.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.OrdinalIgnoreCase);
        var healthAlone = IsOnly(protocols, HttpProtocols.Http1) ? $", or {Setting(nameof(SecurityOptions.AllowHttp))}=false if it is there for /health alone" : "";

        // Without TLS only HTTP/2 alone is gRPC, which nobody could call then. Else there is still /health.
        if (!isTls && IsOnly(protocols, HttpProtocols.Http2) && security.ClientCertificateAuthority.Length > 0 && security.ApiKeys.Count == 0)
        {
            yield return $"{name} is {address}, where nobody can show a client certificate: make it https, with {name.Replace(":Url", ":Certificate:Path", StringComparison.Ordinal)}";
        }
        else if (!IsLoopback(address) && !security.AsksWhoCalls() && !security.AllowAnonymousBeyondLoopback)
        {
            yield return $"{name} is {address}, open to other machines, and nothing asks who calls: set {Setting(nameof(SecurityOptions.ApiKeys))} or {Setting(nameof(SecurityOptions.ClientCertificateAuthority))}"
                + $" (--help says how), or {Setting(nameof(SecurityOptions.AllowAnonymousBeyondLoopback))}=true if everybody who can reach it may call{healthAlone}";
        }
        else if (!IsLoopback(address) && !isTls && security.ApiKeys.Count > 0 && !security.AllowPlaintextKeysBeyondLoopback)
        {
            yield return $"{name} is {address}, where API keys would cross the network in the clear: make it https, with {name.Replace(":Url", ":Certificate:Path", StringComparison.Ordinal)},"
                + $" or set {Setting(nameof(SecurityOptions.AllowPlaintextKeysBeyondLoopback))}=true if something else encrypts{healthAlone}";
        }
    }

    private IEnumerable<(string Name, BindingAddress Address, string? Protocols)> Endpoints()
    {
        var kestrel = configuration.GetSection("Kestrel");
        var defaultProtocols = kestrel["EndpointDefaults:Protocols"];
        var endpoints = kestrel.GetSection("Endpoints").GetChildren().Select(endpoint => ($"{endpoint.Path}:Url", endpoint["Url"], endpoint["Protocols"] ?? defaultProtocols)).ToList();

        // The host's addresses count only where Kestrel has no endpoints, or where they are preferred.
        var urls = HostUrls().Select(url => ("urls", (string?)url, defaultProtocols)).ToList();
        var chosen = endpoints.Count == 0 || (urls.Count > 0 && configuration[WebHostDefaults.PreferHostingUrlsKey]?.ToUpperInvariant() is "1" or "TRUE") ? urls : endpoints;
        foreach (var (name, url, protocols) in chosen)
        {
            // What cannot be parsed Kestrel refuses, in its own words.
            if (Parse(url) is { } address)
            {
                yield return (name, address, protocols);
            }
        }
    }

    private static bool IsOnly(string? protocols, HttpProtocols only) => string.Equals(protocols, only.ToString(), StringComparison.OrdinalIgnoreCase);

    private string[] HostUrls() => Split(configuration[WebHostDefaults.ServerUrlsKey]) is { Length: > 0 } urls
        ? urls
        : [
            .. Split(configuration[WebHostDefaults.HttpPortsKey]).Select(port => $"http://*:{port}"),
            .. Split(configuration[WebHostDefaults.HttpsPortsKey]).Select(port => $"https://*:{port}"),
        ];

    private static string[] Split(string? list) => (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static BindingAddress? Parse(string? url)
    {
        try
        {
            return string.IsNullOrWhiteSpace(url) ? null : BindingAddress.Parse(url);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    // As Kestrel takes them: every name but localhost, and * and + and 0.0.0.0, means all of the machine's addresses.
    private static bool IsLoopback(BindingAddress address) =>
        address.IsUnixPipe || address.IsNamedPipe
        || address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(address.Host, out var ip) && IPAddress.IsLoopback(ip));
}
