using System.Buffers;

namespace CacheService.Postgres.Embedded;

/// <summary>What lies where in the data folder.</summary>
internal sealed class DataLayout
{
    private const string UnfinishedPrefix = "server.unfinished-";

    // pg_ctl puts its paths, in double quotes, into a command for the shell.
    private static readonly SearchValues<char> UnsafeInShell = SearchValues.Create("\"'$`\\\r\n");

    public DataLayout(string dataDirectory)
    {
        Root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(dataDirectory));
        if (Root.AsSpan().ContainsAny(UnsafeInShell))
            throw new EmbeddedPostgresException($"the data folder's path must be free of quotes, $, `, \\ and line breaks: {Root}");

        UnfinishedCluster = Path.Combine(Root, $"{UnfinishedPrefix}{Guid.NewGuid():N}");
    }

    public string Root { get; }

    /// <summary>What services that ended in the middle of initdb have left.</summary>
    public IEnumerable<string> AbandonedClusters => Directory.EnumerateDirectories(Root, UnfinishedPrefix + "*");

    /// <summary>PostgreSQL's own data directory.</summary>
    public string Cluster => Path.Combine(Root, "server");

    /// <summary>
    /// Where initdb works: renamed to <see cref="Cluster"/> when it is done, so that half a cluster never has that name.
    /// Not the same for any two services: the initdb of one that was killed may still be writing.
    /// </summary>
    public string UnfinishedCluster { get; }

    public string LogFolder => Path.Combine(Root, "log");

    public string LogFile => Path.Combine(LogFolder, "server.log");

    public string SocketFolder => Path.Combine(Root, "socket");

    public string Configuration => Path.Combine(Root, "postgresql.conf");

    public string HostBasedAuthentication => Path.Combine(Root, "pg_hba.conf");

    /// <summary>The password, in the form that psql and libpq read.</summary>
    public string PassFile => Path.Combine(Root, "pgpass");

    /// <summary>A copy of the password that initdb, as the server's user, can read; there only while initdb runs.</summary>
    public string InitialPassword => Path.Combine(Root, "initdb.password");

    public string ConnectionString => Path.Combine(Root, DataFolder.ConnectionStringFile);

    public string Lock => Path.Combine(Root, "service.lock");

    public string ServicePid => Path.Combine(Root, "service.pid");

    /// <summary>A script that opens a psql on the server.</summary>
    public string Psql => Path.Combine(Root, DataFolder.PsqlFile);

    public string Port => Path.Combine(Root, "port");

    /// <summary>The major version of PostgreSQL that made the data; null when there is none yet.</summary>
    public int? ClusterVersion
    {
        get
        {
            var file = Path.Combine(Cluster, "PG_VERSION");
            return File.Exists(file) && int.TryParse(File.ReadAllText(file), out var version) ? version : null;
        }
    }
}
