using System.Text;

namespace CacheService.Postgres.Embedded;

/// <summary>
/// The server's two configuration files. They lie beside the cluster, not in it, and are written anew at each start:
/// what this code says holds, over what initdb has found out about the machine.
/// </summary>
internal static class ServerConfiguration
{
    // Nobody gets in without the password, whatever way they come; initdb's own file is not used.
    private const string HostBasedAuthentication = """
        # Written at each start.
        local  all          all                scram-sha-256
        host   all          all  127.0.0.1/32  scram-sha-256
        local  replication  all                scram-sha-256
        host   replication  all  127.0.0.1/32  scram-sha-256

        """;

    private static readonly Dictionary<string, string> Defaults = new()
    {
        ["shared_buffers"] = "128MB",
        ["max_connections"] = "100",
        ["max_wal_size"] = "512MB",
        ["log_checkpoints"] = "off",
        ["log_line_prefix"] = "%m [%p] %q%a ",
    };

    /// <summary><paramref name="extra"/> settings win over the defaults, never over the addresses and the authentication.</summary>
    public static async Task WriteAsync(
        DataLayout layout, int port, string socketFolder, IReadOnlyDictionary<string, string> extra, CancellationToken cancellationToken)
    {
        var settings = new Dictionary<string, string>(Defaults);
        foreach (var (name, value) in extra)
            settings[name] = value;

        settings["listen_addresses"] = "127.0.0.1";
        settings["port"] = $"{port}";
        settings["unix_socket_directories"] = socketFolder;
        settings["unix_socket_permissions"] = "0700";
        settings["password_encryption"] = "scram-sha-256";
        settings["hba_file"] = layout.HostBasedAuthentication;

        var text = new StringBuilder("# Written at each start. Use \"alter system\" to change what is not set here.\n");
        text.Append("include ").AppendLine(Quote(Path.Combine(layout.Cluster, "postgresql.conf")));
        foreach (var (name, value) in settings)
            text.Append(name).Append(" = ").AppendLine(Quote(value));

        await OwnedFile.WritePublicAsync(layout.Configuration, text.ToString(), cancellationToken);
        await OwnedFile.WritePublicAsync(layout.HostBasedAuthentication, HostBasedAuthentication, cancellationToken);
    }

    private static string Quote(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";
}
