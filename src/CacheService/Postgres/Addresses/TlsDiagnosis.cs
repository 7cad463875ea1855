using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;

namespace CacheService.Postgres.Addresses;

/// <summary>
/// Finds out why TLS with a server fails: Npgsql and .NET say that a certificate is invalid, not what about it. It shakes hands once more, with a look at the
/// certificate, and trusts nothing that comes of it.
/// </summary>
internal static class TlsDiagnosis
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    // Protocol 1234.5679: a request for TLS.
    private static readonly byte[] TlsRequest = [0, 0, 0, 8, 4, 210, 22, 47];

    /// <summary>Whether an error is one of TLS, or of the files for it.</summary>
    public static bool IsAbout(Exception error)
    {
        for (var e = error; e is not null; e = e.InnerException)
        {
            if (e is AuthenticationException or CryptographicException || (e is NpgsqlException and not PostgresException && e.Message.Contains("SSL", StringComparison.Ordinal)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What is wrong, in words, with the setting to look at.</summary>
    /// <param name="settings">Of one host.</param>
    /// <param name="error">What the attempt to connect ended in: <see cref="IsAbout"/> TLS.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<string> ExplainAsync(NpgsqlConnectionStringBuilder settings, Exception error, CancellationToken cancellationToken)
    {
        var server = $"TLS with {settings.Host}:{settings.Port} fails: ";
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            return server + (await LookAsync(settings, patience.Token) ?? OwnWords(settings, error));
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException or AuthenticationException or CryptographicException or InvalidOperationException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return server + OwnWords(settings, error);
        }
    }

    private static string OwnWords(NpgsqlConnectionStringBuilder settings, Exception error)
    {
        var cause = error.GetBaseException();
        var words = cause.Message.ReplaceLineEndings(" ");
        // The message may show what was read of a file that is no certificate or key.
        return cause is CryptographicException && settings.SslCertificate is { Length: > 0 }
            ? "the client's certificate or key cannot be used; see SSL Certificate, SSL Key and SSL Password"
            : $"{words}; see SSL Mode, Root Certificate{(settings.SslCertificate is { Length: > 0 } ? ", SSL Certificate and SSL Key" : " and, if the server asks for the client's certificate, SSL Certificate and SSL Key")}";
    }

    private static async Task<string?> LookAsync(NpgsqlConnectionStringBuilder settings, CancellationToken cancellationToken)
    {
        if (settings.Host is not { } host || host.StartsWith('/') || host.Contains(',', StringComparison.Ordinal))
        {
            return null;
        }

        using var client = new TcpClient();
        await client.ConnectAsync(host, settings.Port, cancellationToken);
        var stream = client.GetStream();
        var isDirect = settings.SslNegotiation == SslNegotiation.Direct;
        if (!isDirect)
        {
            await stream.WriteAsync(TlsRequest, cancellationToken);
            var answer = new byte[1];
            if (await stream.ReadAsync(answer, cancellationToken) == 1 && answer[0] == 'N')
            {
                return $"the server offers none, and SSL Mode={settings.SslMode} asks for it: switch TLS on in the server (ssl = on in postgresql.conf), or set SSL Mode=Prefer or Disable";
            }
        }

        string? fault = null;
        await using var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = host,
                ApplicationProtocols = isDirect ? [new SslApplicationProtocol("postgresql")] : null,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                {
                    fault = certificate is X509Certificate2 shown ? FindFault(shown, errors, settings) : "the server shows no certificate";
                    // Nothing is sent over this connection, and nothing read from it.
                    return certificate is not null;
                },
            },
            cancellationToken);
        return fault;
    }

    private static string? FindFault(X509Certificate2 certificate, SslPolicyErrors errors, NpgsqlConnectionStringBuilder settings)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = settings.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck;
        if (settings.RootCertificate is { Length: > 0 } root)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            try
            {
                chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(root);
            }
            catch (CryptographicException)
            {
                return $"{root} has no certificate that can be read; see Root Certificate";
            }
        }

        chain.Build(certificate);
        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        var now = DateTime.Now;
        if (now > certificate.NotAfter)
        {
            return $"the server's certificate expired on {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm:ss} UTC: renew it on the server (ssl_cert_file)";
        }

        if (now < certificate.NotBefore)
        {
            return $"the server's certificate is valid only from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd HH:mm:ss} UTC on: look at the clocks of both machines";
        }

        // Another authority with the same name shows as a signature that is not valid.
        if ((status & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid)) != 0)
        {
            return $"the authority that signed the server's certificate is unknown here ({certificate.Issuer}): set Root Certificate to a PEM file with it"
                + (settings.RootCertificate is { Length: > 0 } known ? $"; {known} is of another" : "");
        }

        if (status.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return "a certificate of the authorities that signed the server's has expired, or is not valid yet; see Root Certificate";
        }

        if (status.HasFlag(X509ChainStatusFlags.Revoked) || status.HasFlag(X509ChainStatusFlags.RevocationStatusUnknown))
        {
            return "the server's certificate was revoked, or nobody can be asked whether it was; see Check Certificate Revocation";
        }

        if (status is not X509ChainStatusFlags.NoError)
        {
            return $"the server's certificate is not good: {status}; see Root Certificate";
        }

        return errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch) && settings.SslMode == SslMode.VerifyFull
            ? $"the server's certificate is for {Names(certificate)}, not for {settings.Host}: set Host to one of its names, or SSL Mode=VerifyCA if the name does not matter"
            : null;
    }

    private static string Names(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString()))).ToList();
        return names.Count > 0 ? string.Join(", ", names) : certificate.GetNameInfo(X509NameType.DnsName, forIssuer: false);
    }
}
