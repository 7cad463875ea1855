using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CacheService.Client;

namespace CacheService.Tool.Service;

/// <summary>Who calls, and whom to trust, as named on the command line, the key else in the environment.</summary>
internal sealed record ServiceCredentials(string? ApiKeyFile, bool AllowPlaintextKey, string? Authority, string? Certificate, string? Key)
{
    public const string Variable = "TWEETCOUNTS_API_KEY";

    /// <summary>Puts them into the options of a client.</summary>
    /// <exception cref="ToolException">A file cannot be read, or is not what it should be. No key is shown.</exception>
    public void ApplyTo(TweetCountsClientOptions options, Func<string, string?> environment)
    {
        options.ApiKey = ApiKeyFile is null ? NullIfEmpty(environment(Variable)) : Read(ApiKeyFile, "API key", file => File.ReadAllText(file).Trim());
        options.AllowPlaintextApiKey = AllowPlaintextKey;
        if (Authority is not null)
        {
            options.CertificateAuthorities = Read(Authority, "authority's certificate (PEM)", LoadAuthorities);
        }

        if (Certificate is not null)
        {
            // Without a file of its own the key stands in the certificate's.
            options.ClientCertificate = Read(Certificate, "client certificate (PEM) with its key", file => X509Certificate2.CreateFromPemFile(file, Key));
        }
        else if (Key is not null)
        {
            throw new ToolException("--client-key is the key of a certificate: name that with --client-cert");
        }
    }

    private static X509Certificate2Collection LoadAuthorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        return authorities.Count > 0 ? authorities : throw new CryptographicException("no certificate is in it");
    }

    private static T Read<T>(string file, string what, Func<string, T> read)
    {
        try
        {
            return read(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new ToolException($"'{file}' is of no use as {what}: {e.Message}", e);
        }
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
