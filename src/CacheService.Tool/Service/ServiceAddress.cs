namespace CacheService.Tool.Service;

/// <summary>Where the service is: as named on the command line, else in the environment, else on this machine.</summary>
internal static class ServiceAddress
{
    public const string Variable = "TWEETCOUNTS_ADDRESS";
    public const string Default = "http://127.0.0.1:5080";

    /// <exception cref="ToolException">It is no address by http, https or DNS.</exception>
    public static Uri Find(string? option, Func<string, string?> environment)
    {
        var text = option ?? (environment(Variable) is { Length: > 0 } variable ? variable : Default);
        return Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" or "dns" or "dns+https"
            ? address
            : throw new ToolException($"'{text}' is no address of a service: write {Default}");
    }
}
