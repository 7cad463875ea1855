using System.Globalization;

namespace CacheService.Postgres.Embedded;

/// <summary>Holds a data folder for one service process. The kernel lets go of it when the process ends, however it ends.</summary>
internal sealed class DataFolderLock : IDisposable
{
    // EWOULDBLOCK on Linux, on macOS and the BSDs
    private static readonly int[] HeldByAnother = [11, 35];

    private readonly FileStream _file;

    private DataFolderLock(FileStream file)
    {
        _file = file;
    }

    /// <summary>Throws <see cref="EmbeddedPostgresException"/> when another service uses the folder.</summary>
    public static async Task<DataFolderLock> TakeAsync(DataLayout layout, CancellationToken cancellationToken)
    {
        var taken = TryTake(layout) ?? throw new EmbeddedPostgresException(
            $"another CacheService{Holder(layout)} is using the data folder {layout.Root}: "
            + "stop it, or set Embedded:DataDirectory to another folder");
        try
        {
            // In a file of its own: the locked one cannot be opened by whoever wants to know.
            await OwnedFile.WritePublicAsync(layout.ServicePid, $"{Environment.ProcessId}\n", cancellationToken);
            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Null when another process, or another server of this process, uses the folder.</summary>
    public static DataFolderLock? TryTake(DataLayout layout)
    {
        try
        {
            return new(new FileStream(layout.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (HeldByAnother.Contains(e.HResult))
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();

    private static string Holder(DataLayout layout) =>
        File.Exists(layout.ServicePid) && int.TryParse(File.ReadAllText(layout.ServicePid), CultureInfo.InvariantCulture, out var pid)
            ? $" (pid {pid})"
            : "";
}
