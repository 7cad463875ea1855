using System.Security.Cryptography;
using Npgsql;

namespace CacheService.Postgres.Embedded;

/// <summary>What is made once: PostgreSQL's data directory, the password of its owner, and the database.</summary>
internal static class Cluster
{
    private const int PasswordDigits = 48;

    private static readonly TimeSpan InitTimeout = TimeSpan.FromMinutes(2);

    /// <summary>Does nothing when the data directory is there and of the right version.</summary>
    public static async Task EnsureAsync(
        DataLayout layout, ServerUser user, PostgresBinaries binaries, string role, string password, bool sync, ILogger logger,
        CancellationToken cancellationToken)
    {
        if (layout.ClusterVersion is { } version)
        {
            CheckVersion(layout, binaries, version);
            return;
        }

        DeleteAbandoned(layout, logger);
        if (Directory.Exists(layout.Cluster))
            throw new EmbeddedPostgresException($"{layout.Cluster} is not a PostgreSQL data directory (no PG_VERSION in it): move it away");

        logger.Initializing(layout.Root, binaries.MajorVersion, user.Name);
        await InitializeAsync(layout, user, binaries, role, password, sync, cancellationToken);
        Directory.Move(layout.UnfinishedCluster, layout.Cluster);
    }

    /// <summary>The random password of the owner role; kept in the form of a passfile, so that psql can use it too.</summary>
    public static async Task<string> EnsurePasswordAsync(DataLayout layout, string role, CancellationToken cancellationToken)
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

        var password = RandomNumberGenerator.GetHexString(PasswordDigits, lowercase: true);
        await OwnedFile.WriteSecretAsync(layout.PassFile, $"*:*:*:{role}:{password}\n", cancellationToken);
        return password;
    }

    /// <summary>Creates the database of a connection string if the server lacks it.</summary>
    public static async Task EnsureDatabaseAsync(string connectionString, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        var name = settings.Database!;
        settings.Database = "postgres";
        try
        {
            // With a name: Npgsql's metrics would tell the connection string instead.
            await using var source = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "embedded" }.Build();
            await using var connection = source.CreateConnection();
            await connection.OpenAsync(cancellationToken);
            await using var find = new NpgsqlCommand("select from pg_database where datname = $1", connection);
            find.Parameters.Add(new NpgsqlParameter { Value = name });
            await using (var found = await find.ExecuteReaderAsync(cancellationToken))
            {
                if (found.HasRows)
                    return;
            }

            await using var create = new NpgsqlCommand($"create database {Quote(name)}", connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw new EmbeddedPostgresException($"PostgreSQL has started, but the database {name} cannot be made: {e.Message}", e);
        }
    }

    private static void DeleteAbandoned(DataLayout layout, ILogger logger)
    {
        foreach (var folder in layout.AbandonedClusters)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException e)
            {
                // An initdb that has outlived its service is still writing there. It is in nobody's way.
                logger.AbandonedClusterKept(folder, e.Message);
            }
        }
    }

    private static async Task InitializeAsync(
        DataLayout layout, ServerUser user, PostgresBinaries binaries, string role, string password, bool sync,
        CancellationToken cancellationToken)
    {
        await user.CreateFolderAsync(layout.UnfinishedCluster, cancellationToken);
        await OwnedFile.WriteSecretAsync(layout.InitialPassword, password + "\n", cancellationToken);
        try
        {
            await user.OwnAsync(layout.InitialPassword, cancellationToken);
            string[] initdb =
            [
                binaries.InitDb, "-D", layout.UnfinishedCluster, "-U", role, $"--pwfile={layout.InitialPassword}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", .. sync ? Array.Empty<string>() : ["--no-sync"],
            ];
            var result = await Command.RunAsync(user.Command(initdb), InitTimeout, cancellationToken);
            if (!result.Succeeded)
                throw new EmbeddedPostgresException($"initdb cannot make a data directory in {layout.Root}: {result.Summary}");
        }
        finally
        {
            File.Delete(layout.InitialPassword);
        }
    }

    private static void CheckVersion(DataLayout layout, PostgresBinaries binaries, int version)
    {
        if (version != binaries.MajorVersion)
        {
            throw new EmbeddedPostgresException($"the data in {layout.Root} is of PostgreSQL {version}, but the programs in {binaries.Folder} "
                + $"are of {binaries.MajorVersion}: set Embedded:PgHome to PostgreSQL {version}, or Embedded:DataDirectory to another folder, "
                + "or use pg_upgrade");
        }
    }

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
