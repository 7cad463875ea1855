using System.Security.Cryptography;

namespace CacheService.Postgres.Embedded;

/// <summary>The random password of the server's owner role, kept in the form of a passfile so that psql can use it too.</summary>
internal static class ServerPassword
{
    private const int HexDigits = 48;

    public static async Task<string> LoadOrCreateAsync(DataLayout layout, string role, CancellationToken cancellationToken)
    {
        if (File.Exists(layout.PassFile))
        {
            var line = (await File.ReadAllTextAsync(layout.PassFile, cancellationToken)).Trim();
            return line[(line.LastIndexOf(':') + 1)..];
        }

        if (layout.ClusterVersion is not null)
        {
            throw new EmbeddedPostgresException(
                $"the password file {layout.PassFile} is missing: bring it back, or remove {layout.Cluster} to start without its data");
        }

        var password = RandomNumberGenerator.GetHexString(HexDigits, lowercase: true);
        await OwnedFile.WriteSecretAsync(layout.PassFile, $"*:*:*:{role}:{password}\n", cancellationToken);
        return password;
    }
}
