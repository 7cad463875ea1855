namespace CacheService.Postgres.Embedded;

/// <summary>Files and folders that have their final mode from the start. The one place that knows of Unix modes.</summary>
internal static class OwnedFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyFolder = OwnerOnly | UnixFileMode.UserExecute;
    private const UnixFileMode OthersRead = UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode OthersPass = UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Creates the folder, and what is missing above it. Others may go through a passable one, but not look into it.</summary>
    public static void CreateFolder(string path, bool passable)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();

        Directory.CreateDirectory(path, passable ? OwnerOnlyFolder | OthersPass : OwnerOnlyFolder);
    }

    public static Task WriteSecretAsync(string path, string content, CancellationToken cancellationToken) =>
        WriteAsync(path, content, OwnerOnly, cancellationToken);

    public static Task WritePublicAsync(string path, string content, CancellationToken cancellationToken) =>
        WriteAsync(path, content, OwnerOnly | OthersRead, cancellationToken);

    public static Task WriteScriptAsync(string path, string content, CancellationToken cancellationToken) =>
        WriteAsync(path, content, OwnerOnly | UnixFileMode.UserExecute, cancellationToken);

    /// <summary>Whole or not at all: a reader never sees half of it, a crash never leaves half of it.</summary>
    private static async Task WriteAsync(string path, string content, UnixFileMode mode, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();

        var temporary = path + ".new";
        // A file left by a crash would keep its old mode.
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode };
        await using (var writer = new StreamWriter(temporary, options))
            await writer.WriteAsync(content.AsMemory(), cancellationToken);

        // The umask may have taken bits away.
        File.SetUnixFileMode(temporary, mode);
        File.Move(temporary, path, overwrite: true);
    }
}
