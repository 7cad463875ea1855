using System.Text;

namespace CacheService.Postgres.Embedded;

/// <summary>The folder of the server's unix socket: in the data folder, or, where that makes the path too long, a temporary one.</summary>
internal static class SocketFolder
{
    // The kernel's limit is 108 bytes on Linux and 104 elsewhere, with the terminating zero.
    private const int LongestPath = 100;
    private const string TemporaryPrefix = "cacheservice-socket-";
    private const string LongestFileName = "/.s.PGSQL.65535.lock";

    /// <summary>To be called while no server runs on the data.</summary>
    public static async Task<string> CreateAsync(DataLayout layout, ServerUser user, CancellationToken cancellationToken)
    {
        var fits = Encoding.UTF8.GetByteCount(layout.SocketFolder + LongestFileName) <= LongestPath;
        // Not below TMPDIR, which may be long too.
        var folder = fits ? layout.SocketFolder : Path.Combine("/tmp", TemporaryPrefix + Guid.NewGuid().ToString("N"));
        // A crash leaves a socket with the server's process number beside it, and PostgreSQL does not start while anybody has that number.
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        await user.CreateFolderAsync(folder, cancellationToken);
        return folder;
    }

    /// <summary>Removes the folder if it is a temporary one.</summary>
    public static void Remove(string folder)
    {
        if (Path.GetFileName(folder).StartsWith(TemporaryPrefix, StringComparison.Ordinal) && Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
