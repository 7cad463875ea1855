namespace CacheService.Client.Connections;

/// <summary>An address of the options.</summary>
/// <param name="Server">The server, by http or https.</param>
/// <param name="IsLookedUp">Whether it stands for all that DNS has for its name.</param>
internal sealed record NamedAddress(Uri Server, bool IsLookedUp)
{
    /// <returns>Null: it is none.</returns>
    public static NamedAddress? Parse(Uri? address)
    {
        if (address is not { IsAbsoluteUri: true })
        {
            return null;
        }

        if (address is { Scheme: "dns" or "dns+https", Host: "" })
        {
            var scheme = address.Scheme == "dns" ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
            return Uri.TryCreate($"{scheme}://{address.PathAndQuery.TrimStart('/')}{address.Fragment}", UriKind.Absolute, out var server) && IsServer(server)
                ? new NamedAddress(server, IsLookedUp: true)
                : null;
        }

        return IsServer(address) ? new NamedAddress(address, IsLookedUp: false) : null;
    }

    private static bool IsServer(Uri address) => address is { Scheme: "http" or "https", PathAndQuery: "/", Fragment: "", UserInfo: "" };
}
