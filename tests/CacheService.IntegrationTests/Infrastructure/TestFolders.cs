using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>
/// The data folders of the servers that tests start. They lie in one place, where the next run finds what a crashed run has left.
/// </summary>
internal static class TestFolders
{
    private static string Place => Path.Combine(Path.GetTempPath(), $"cacheservice-tests-{Environment.UserName}");

    /// <summary>A path that does not exist yet.</summary>
    public static string NewPath()
    {
        Directory.CreateDirectory(Place);
        return Path.Combine(Place, Guid.NewGuid().ToString("N")[..12]);
    }

    /// <summary>
    /// Stops the servers and deletes the folders of runs that have ended without doing so. A run that still runs holds its locks.
    /// </summary>
    public static async Task RemoveLeftoversAsync()
    {
        if (!Directory.Exists(Place))
            return;

        // A folder without a lock belongs to a run that is just starting.
        foreach (var folder in Directory.EnumerateDirectories(Place).Where(folder => File.Exists(new DataLayout(folder).Lock)))
        {
            var options = new EmbeddedOptions { DataDirectory = folder };
            if (await EmbeddedPostgres.StopOrphanAsync(options, NullLogger.Instance, CancellationToken.None))
                Delete(folder);
        }
    }

    public static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Never made; or another run, which found it without a lock, has been faster.
        }
    }
}
