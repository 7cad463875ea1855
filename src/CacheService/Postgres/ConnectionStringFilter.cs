using CacheService.Postgres.Addresses;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>
/// What the service takes from a connection string: where the database is, who it is there, and how they trust each other. How connections are used it decides
/// itself, because what is right depends on it: what else is set is left out.
/// </summary>
internal static class ConnectionStringFilter
{
    private static readonly string[] Taken =
    [
        "Host", "Port", "Database", "Username", "Password", "Passfile", "Application Name", "Timezone", "Options", "Timeout",
        "SSL Mode", "SSL Negotiation", "SSL Certificate", "SSL Key", "SSL Password", "Root Certificate", "Check Certificate Revocation", "Trust Server Certificate",
        "GSS Encryption Mode", "Kerberos Service Name", "Include Realm", "Channel Binding", "Require Auth", "TCP Keepalive", "TCP Keepalive Time", "TCP Keepalive Interval",
    ];

    private static readonly string[] Files = ["Passfile", "Root Certificate", "SSL Certificate", "SSL Key"];

    /// <summary>The connection string that the service uses, and the keywords that it leaves out.</summary>
    /// <exception cref="BadConnectionStringException">It cannot be used.</exception>
    public static DatabaseAddress Apply(string text)
    {
        var all = ConnectionString.Parse(text);
        if (all.Multiplexing)
        {
            throw new BadConnectionStringException("Multiplexing=true shares sessions between statements, and the cache needs some of its own: leave it out");
        }

        var taken = new NpgsqlConnectionStringBuilder();
        foreach (var keyword in Taken.Where(keyword => all.ShouldSerialize(keyword)))
        {
            taken[keyword] = all[keyword];
        }

        foreach (var keyword in Files)
        {
            CheckFile(keyword, taken[keyword] as string);
        }

        CheckTogether(taken);
        return new DatabaseAddress(taken.ConnectionString, [.. all.Keys.Where(keyword => !taken.ContainsKey(keyword) || !taken.ShouldSerialize(keyword)).Order(StringComparer.OrdinalIgnoreCase)]);
    }

    private static void CheckFile(string keyword, string? path)
    {
        try
        {
            if (path is { Length: > 0 })
            {
                using var file = File.OpenRead(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new BadConnectionStringException($"{keyword}: {e.Message}");
        }
    }

    /// <summary>Each value is one that its keyword can have; here, whether they go together.</summary>
    private static void CheckTogether(NpgsqlConnectionStringBuilder taken)
    {
        try
        {
            using var source = new NpgsqlDataSourceBuilder(taken.ConnectionString).Build();
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException or InvalidOperationException)
        {
            string?[] secrets = [taken.Password, taken.SslPassword, taken.Passfile];
            throw new BadConnectionStringException(
                secrets.Any(secret => secret is { Length: > 0 } && e.Message.Contains(secret, StringComparison.Ordinal)) ? "its keywords do not go together" : e.Message.ReplaceLineEndings(" "));
        }
    }
}
