using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.LoadTests.Machine;

/// <summary>Where a run keeps its files. It lies where the next run finds what a killed one has left.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private const string DatabaseName = "postgres";

    private static readonly string Place = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"cacheservice-loadtest-{Environment.UserName}");

    public TemporaryFolder()
    {
        Path = System.IO.Path.Combine(Place, Guid.NewGuid().ToString("N")[..12]);
        // The server may run as another user, who has to pass through.
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public string Database => System.IO.Path.Combine(Path, DatabaseName);

    /// <summary>Stops the servers and deletes the folders of runs that were killed. A run that still runs holds its lock.</summary>
    public static async Task RemoveLeftoversAsync(CancellationToken cancellationToken)
    {
        if (!Directory.Exists(Place))
        {
            return;
        }

        foreach (var folder in Directory.EnumerateDirectories(Place))
        {
            // Without a lock it belongs to a run that is just starting.
            string[] databases = [.. Directory.GetDirectories(folder, $"{DatabaseName}*").Where(database => File.Exists(new DataLayout(database).Lock))];
            var stopped = 0;
            foreach (var database in databases)
            {
                stopped += await EmbeddedPostgres.StopOrphanAsync(new EmbeddedOptions { DataDirectory = database }, NullLogger.Instance, cancellationToken) ? 1 : 0;
            }

            if (databases.Length > 0 && stopped == databases.Length)
            {
                Delete(folder);
            }
        }
    }

    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, text);
        return path;
    }

    public string Write(string name, byte[] bytes)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => Delete(Path);

    private static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Another run that cleared up has been faster.
        }
    }
}
