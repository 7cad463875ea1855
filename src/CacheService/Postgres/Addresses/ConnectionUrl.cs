using System.Globalization;
using Npgsql;

namespace CacheService.Postgres.Addresses;

/// <summary>Reads <c>postgresql://user:password@host:port,host2/database?parameter=value&amp;…</c> as psql does: each part may be missing or percent-encoded, hosts may be several, IPv6 in brackets, or the folder of a socket.</summary>
internal static class ConnectionUrl
{
    private const int DefaultPort = 5432;
    private const string Encoded = "special characters of a user name, password or host are written percent-encoded: @ as %40, : as %3A, / as %2F, ? as %3F";

    private static readonly string[] Schemes = ["postgresql://", "postgres://"];
    private static readonly string[] SocketFolders = ["/var/run/postgresql", "/tmp"];

    // libpq's parameters, with Npgsql's keyword for each; null where it changes nothing here.
    private static readonly Dictionary<string, string?> Parameters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["user"] = "Username",
        ["password"] = "Password",
        ["dbname"] = "Database",
        ["passfile"] = "Passfile",
        ["sslmode"] = "SSL Mode",
        ["sslnegotiation"] = "SSL Negotiation",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["connect_timeout"] = "Timeout",
        ["application_name"] = "Application Name",
        ["target_session_attrs"] = "Target Session Attributes",
        ["load_balance_hosts"] = "Load Balance Hosts",
        ["options"] = "Options",
        ["channel_binding"] = "Channel Binding",
        ["require_auth"] = "Require Auth",
        ["gssencmode"] = "GSS Encryption Mode",
        ["krbsrvname"] = "Kerberos Service Name",
        ["keepalives"] = "TCP Keepalive",
        ["keepalives_idle"] = "TCP Keepalive Time",
        ["keepalives_interval"] = "TCP Keepalive Interval",
        ["fallback_application_name"] = null,
        ["client_encoding"] = null,
        ["keepalives_count"] = null,
        ["tcp_user_timeout"] = null,
        ["sslcompression"] = null,
        ["sslsni"] = null,
        ["gsslib"] = null,
    };

    /// <summary>Whether a connection string is a URL, of whatever kind.</summary>
    public static bool IsUrl(string text)
    {
        var end = text.IndexOf("://", StringComparison.Ordinal);
        return end > 0 && text[..end].All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.' or ':');
    }

    /// <summary>Reads a URL.</summary>
    /// <exception cref="BadConnectionStringException">It cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string url)
    {
        var rest = Schemes.FirstOrDefault(scheme => url.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) is { } scheme
            ? url[scheme.Length..]
            : throw new BadConnectionStringException("it is a URL, but none of PostgreSQL's: postgresql://USER:PASSWORD@HOST:PORT/DATABASE");

        var (beforeQuery, query) = Cut(rest, '?');
        var (authority, database) = Cut(beforeQuery, '/');
        var settings = new NpgsqlConnectionStringBuilder();
        var at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            var (user, password) = Cut(authority[..at], ':');
            Set(settings, "Username", Decode(user));
            Set(settings, "Password", Decode(password));
        }

        Set(settings, "Database", Decode(database));
        var hosts = authority[(at + 1)..].Split(',').Select(ReadHost).ToList();
        string? hostParameter = null, portParameter = null;
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(parameter, '=');
            switch (name.ToUpperInvariant())
            {
                // The address without the name wins with libpq too.
                case "HOSTADDR":
                case "HOST" when hostParameter is null:
                    hostParameter = Decode(value);
                    break;
                case "HOST":
                    break;
                case "PORT":
                    portParameter = Decode(value);
                    break;
                default:
                    SetParameter(settings, name, Decode(value));
                    break;
            }
        }

        SetHosts(settings, hosts, hostParameter, portParameter);
        VerifyWithARoot(settings);
        return settings;
    }

    private static (string Host, int? Port) ReadHost(string text)
    {
        if (!text.StartsWith('['))
        {
            var (name, port) = Cut(text, ':');
            return (Decode(name), Port(port));
        }

        var end = text.IndexOf(']');
        return end > 0 && (end == text.Length - 1 || text[end + 1] == ':')
            ? (text[1..end], Port(text[(end + 1)..].TrimStart(':')))
            : throw new BadConnectionStringException("one of its hosts begins with [ but is no IPv6 address in brackets");
    }

    private static int? Port(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= ushort.MaxValue
            ? port
            : throw new BadConnectionStringException($"one of its ports is no number from 1 to 65535; {Encoded}");
    }

    private static void SetParameter(NpgsqlConnectionStringBuilder settings, string name, string value)
    {
        if (name.Equals("ssl", StringComparison.OrdinalIgnoreCase))
        {
            (name, value) = ("sslmode", bool.TryParse(value, out var isOn) && isOn ? "require" : "disable");
        }

        if (!Parameters.TryGetValue(name, out var keyword))
        {
            throw new BadConnectionStringException($"one of its parameters (after ?) is none that is known here: {string.Join(", ", Parameters.Keys.Order())}; {Encoded}");
        }

        if (keyword is not null && value.Length > 0)
        {
            ConnectionString.Set(settings, keyword, Translate(keyword, value));
        }
    }

    private static string Translate(string keyword, string value) => keyword switch
    {
        // verify-full, prefer-standby, read-write.
        "SSL Mode" => value.Replace("-", "", StringComparison.Ordinal),
        "TCP Keepalive" => value == "1" ? "true" : "false",
        "Load Balance Hosts" => value.Equals("random", StringComparison.OrdinalIgnoreCase) ? "true" : "false",
        _ => value,
    };

    // As libpq: an authority that is named is there to be checked against. "system" is what Npgsql does without one.
    private static void VerifyWithARoot(NpgsqlConnectionStringBuilder settings)
    {
        if (string.Equals(settings.RootCertificate, "system", StringComparison.OrdinalIgnoreCase))
        {
            settings.Remove("Root Certificate");
            settings.SslMode = SslMode.VerifyFull;
        }
        else if (settings is { RootCertificate.Length: > 0, SslMode: SslMode.Require })
        {
            settings.SslMode = SslMode.VerifyCA;
        }
    }

    private static void SetHosts(NpgsqlConnectionStringBuilder settings, List<(string Host, int? Port)> hosts, string? hostParameter, string? portParameter)
    {
        if (hostParameter is { Length: > 0 })
        {
            hosts = [.. hostParameter.Split(',').Select(host => (host, (int?)null))];
        }

        var ports = portParameter is { Length: > 0 } ? portParameter.Split(',').Select(Port).ToArray() : [];
        if (ports.Length > 1 && ports.Length != hosts.Count)
        {
            throw new BadConnectionStringException("it has as many ports as it has hosts, or one for all, or none; not another number");
        }

        var all = hosts.Select((host, i) => (host.Host, Port: host.Port ?? (ports.Length == 0 ? null : ports[ports.Length == 1 ? 0 : i]) ?? DefaultPort)).ToList();
        all = [.. all.Select(host => (host.Host.Length > 0 ? host.Host : LocalHost(host.Port), host.Port))];
        if (all is [var only])
        {
            (settings.Host, settings.Port) = only;
            return;
        }

        // With its own port each, where the form has room for one.
        settings.Host = string.Join(',', all.Select(host => host.Host.Contains(':', StringComparison.Ordinal) ? $"[{host.Host}]:{host.Port}" : $"{host.Host}:{host.Port}"));
    }

    // As libpq: this machine, by its socket where there is one.
    private static string LocalHost(int port) =>
        Array.Find(SocketFolders, folder => File.Exists(Path.Combine(folder, $".s.PGSQL.{port}"))) ?? "localhost";

    private static void Set(NpgsqlConnectionStringBuilder settings, string keyword, string value)
    {
        if (value.Length > 0)
        {
            ConnectionString.Set(settings, keyword, value);
        }
    }

    private static (string Before, string After) Cut(string text, char separator)
    {
        var at = text.IndexOf(separator, StringComparison.Ordinal);
        return at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
    }

    private static string Decode(string text)
    {
        for (var at = text.IndexOf('%', StringComparison.Ordinal); at >= 0; at = text.IndexOf('%', at + 1))
        {
            if (at + 2 >= text.Length || !char.IsAsciiHexDigit(text[at + 1]) || !char.IsAsciiHexDigit(text[at + 2]) || text.AsSpan(at, 3) is "%00")
            {
                throw new BadConnectionStringException("it has a % that begins no percent-encoded character; % itself is written %25");
            }
        }

        return Uri.UnescapeDataString(text);
    }
}
