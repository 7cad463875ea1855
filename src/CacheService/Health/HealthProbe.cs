using System.Net;

namespace CacheService.Health;

/// <summary><c>CacheService --health ready</c> and <c>--health live</c>: asks the service of this machine, or of this container, for supervisors that run a program and have no other at hand.</summary>
internal static class HealthProbe
{
    /// <summary>The first argument; the second is what is asked, the others are the settings of the service, as far as they stand on its command line.</summary>
    public const string Option = "--health";

    private const string UrlSetting = "Kestrel:Endpoints:Http:Url";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Prints the answer.</summary>
    /// <returns>The exit code: 0 if it is that of a healthy service, 1 if it is another or there is none, 2 if the arguments are of no use.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not ["ready" or "live", ..])
        {
            await Console.Error.WriteLineAsync($"Write {Option} ready (whether calls should be sent to the service) or {Option} live (whether it should be left running).");
            return 2;
        }

        // The settings that the service has, from everywhere it has them from.
        var settings = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args[1..], ContentRootPath = AppContext.BaseDirectory }).Configuration;
        if (AddressOf(settings[UrlSetting]) is not { } address)
        {
            await Console.Error.WriteLineAsync($"Cannot ask: {UrlSetting} is '{settings[UrlSetting]}', and not the address of a port.");
            return 2;
        }

        return await AskAsync(new Uri(address, $"health/{args[0]}"));
    }

    /// <summary>Where to call what listens at a URL; null: nowhere.</summary>
    internal static Uri? AddressOf(string? url)
    {
        try
        {
            if (BindingAddress.Parse(url?.Split(';')[0] ?? "") is { IsUnixPipe: false, IsNamedPipe: false } bound)
            {
                // What is no address of its own, as * and names, is all of the machine's, the loopback's among them.
                var host = IPAddress.TryParse(bound.Host, out var ip) && !ip.Equals(IPAddress.Any) && !ip.Equals(IPAddress.IPv6Any) ? bound.Host : "127.0.0.1";
                return new Uri($"{bound.Scheme}://{host}:{bound.Port}");
            }
        }
        catch (FormatException)
        {
            // Kestrel refuses it, too.
        }

        return null;
    }

    private static async Task<int> AskAsync(Uri address)
    {
        // The certificate bears the name by which others call. Nothing secret is asked or told.
        using var handler = new HttpClientHandler { UseProxy = false, ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        using var client = new HttpClient(handler) { Timeout = Patience };
        try
        {
            using var answer = await client.GetAsync(address);
            Console.Write(await answer.Content.ReadAsStringAsync());
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"No answer from {address}: {e.Message}");
            return 1;
        }
    }
}
