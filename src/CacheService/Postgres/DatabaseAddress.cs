using System.Globalization;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>Where the database is: configured, or told by the embedded server once it runs.</summary>
internal sealed class DatabaseAddress(string? configured, IReadOnlyList<string>? leftOut = null, bool isWanted = true)
{
    private string? _connectionString = configured;

    /// <summary>Whether the configuration names no database, so that the embedded server is wanted.</summary>
    public bool IsEmbedded { get; } = configured is null && isWanted;

    /// <summary>Whether there is none, and none is wanted: what needs a database is refused.</summary>
    public bool IsNone { get; } = configured is null && !isWanted;

    /// <summary>The keywords of the configured connection string that are not used.</summary>
    public IReadOnlyList<string> LeftOut { get; } = leftOut ?? [];

    /// <summary>Who the service is there, quoted for a statement; as Npgsql finds it.</summary>
    public string Role
    {
        get
        {
            var name = new NpgsqlConnectionStringBuilder(ConnectionString).Username ?? Environment.GetEnvironmentVariable("PGUSER") ?? Environment.UserName;
            return $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        }
    }

    /// <summary>The connection string.</summary>
    /// <exception cref="InvalidOperationException">The embedded server does not run yet; or there is no database.</exception>
    public string ConnectionString
    {
        get => _connectionString ?? throw new InvalidOperationException(IsNone ? "This service has no database." : "The embedded server does not run yet.");
        set => _connectionString = value;
    }

    /// <summary>A connection string for each host that the connection string names; one of them is the primary.</summary>
    public IReadOnlyList<string> Hosts
    {
        get
        {
            var all = new NpgsqlConnectionStringBuilder(ConnectionString);
            var hosts = (all.Host ?? "").Split(',', StringSplitOptions.TrimEntries);
            return [.. hosts.Select(host => OfHost(all, host))];
        }
    }

    private static string OfHost(NpgsqlConnectionStringBuilder all, string host)
    {
        var one = new NpgsqlConnectionStringBuilder(all.ConnectionString) { Host = host };
        // What is chosen here is not for Npgsql to choose again.
        one.Remove("Target Session Attributes");
        one.Remove("Load Balance Hosts");
        // Host:port or [IPv6]:port, but not a lone IPv6 address or a socket's path.
        var colon = host.LastIndexOf(':');
        if (colon > 0 && (host.IndexOf(':') == colon || host[colon - 1] == ']') && int.TryParse(host[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            (one.Host, one.Port) = (host[..colon].Trim('[', ']'), port);
        }

        return one.ConnectionString;
    }
}
