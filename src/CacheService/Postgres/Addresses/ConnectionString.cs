using System.ComponentModel;
using System.Data.Common;
using Npgsql;

namespace CacheService.Postgres.Addresses;

/// <summary>
/// Reads connection strings: Npgsql's (<c>Host=db;Username=…</c>) and URLs (<c>postgresql://…</c>). Npgsql's own words for what it cannot read repeat it,
/// and where a quote or a separator is wrong, the password is among that.
/// </summary>
internal static class ConnectionString
{
    private const string Form = "write Host=…;Username=…;Password=…;Database=… or postgresql://USER:PASSWORD@HOST:PORT/DATABASE";

    // Of psql and its relatives.
    private static readonly Dictionary<string, string> OtherNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["user"] = "Username",
        ["dbname"] = "Database",
        ["hostaddr"] = "Host",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["connect_timeout"] = "Timeout",
        ["application_name"] = "Application Name",
    };

    /// <summary>Reads a connection string of either form.</summary>
    /// <exception cref="BadConnectionStringException">It cannot be read, or names no host.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string text)
    {
        text = text.Trim();
        var settings = ConnectionUrl.IsUrl(text) ? ConnectionUrl.Parse(text) : ParseKeywords(text);
        if (string.IsNullOrWhiteSpace(settings.Host))
        {
            throw new BadConnectionStringException($"it names no host: {Form}");
        }

        foreach (var host in settings.Host.Split(','))
        {
            CheckHost(host);
        }

        return settings;
    }

    /// <summary>Sets one keyword.</summary>
    /// <exception cref="BadConnectionStringException">There is no such keyword, or the value is none of its.</exception>
    internal static void Set(NpgsqlConnectionStringBuilder settings, string keyword, string value)
    {
        if (KnownName(keyword) is not { } known)
        {
            throw new BadConnectionStringException($"it has a keyword that is none{Suggestion(keyword)}; a value with ; or = in it, such as a password, stands in quotes: Password='…'");
        }

        try
        {
            settings[known] = value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or InvalidCastException or KeyNotFoundException)
        {
            throw new BadConnectionStringException($"the value of {known} is none that it can have");
        }
    }

    private static NpgsqlConnectionStringBuilder ParseKeywords(string text)
    {
        var parts = new DbConnectionStringBuilder();
        try
        {
            parts.ConnectionString = text;
        }
        catch (ArgumentException)
        {
            throw new BadConnectionStringException($"it cannot be read (a value with ; or = or a quote in it stands in quotes): {Form}");
        }

        var settings = new NpgsqlConnectionStringBuilder();
        foreach (var keyword in parts.Keys.Cast<string>())
        {
            Set(settings, keyword, parts[keyword].ToString() ?? "");
        }

        return settings;
    }

    /// <summary>What is no host's name is the rest of a string that was separated in another way, and may have the password in it.</summary>
    private static void CheckHost(string host)
    {
        var name = host.Trim();
        if (name.Length == 0)
        {
            throw new BadConnectionStringException("one of its hosts is empty");
        }

        // A socket's folder may have any name.
        if (!name.StartsWith('/') && !name.StartsWith('@') && name.Any(c => char.IsWhiteSpace(c) || c is '=' or '@' or '/' or '\'' or '"' or '?' or '&'))
        {
            throw new BadConnectionStringException($"what stands as its host is no host's name; keywords are separated by ; not by spaces: {Form}");
        }
    }

    private static string? KnownName(string keyword) => Names.Value.TryGetValue(keyword, out var name) ? name : null;

    private static string Suggestion(string keyword)
    {
        if (OtherNames.TryGetValue(keyword, out var ours))
        {
            return $" (is {ours} meant?)";
        }

        const int Slips = 2;
        var nearest = Names.Value.Select(name => (Name: name, Distance: Distance(keyword.ToUpperInvariant(), name.ToUpperInvariant()))).MinBy(candidate => candidate.Distance);
        return nearest.Distance <= Slips && nearest.Name.Length > 2 * Slips ? $" (is {nearest.Name} meant?)" : "";
    }

    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 0; i < one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i + 1;
            for (var j = 0; j < other.Length; j++)
            {
                (diagonal, row[j + 1]) = (row[j + 1], Math.Min(Math.Min(row[j], row[j + 1]) + 1, diagonal + (one[i] == other[j] ? 0 : 1)));
            }
        }

        return row[^1];
    }

    private static readonly Lazy<HashSet<string>> Names = new(() =>
    {
        // The synonyms, which no list of Npgsql's has, and every property under both of its names.
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "Server", "DB", "User Name", "UserId", "User Id", "UID", "PSW", "PWD", "Krbsrvname", "Load Balance Timeout" };
        foreach (PropertyDescriptor property in TypeDescriptor.GetProperties(typeof(NpgsqlConnectionStringBuilder)))
        {
            if (new NpgsqlConnectionStringBuilder().ContainsKey(property.DisplayName))
            {
                names.Add(property.DisplayName);
                names.Add(property.Name);
            }
        }

        return names;
    });
}

/// <summary>A connection string is of no use. The message says why, and repeats no part of it that may be a secret.</summary>
internal sealed class BadConnectionStringException(string message) : Exception(message);
