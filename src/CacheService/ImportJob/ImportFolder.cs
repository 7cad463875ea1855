using CacheService.Jobs;
using Microsoft.Extensions.Options;

namespace CacheService.ImportJob;

/// <summary>The folder of files to be imported. In it, <c>uploads</c> has what came over HTTP; each folder <c>TABLE@KEY</c>, and <c>activity</c>, is watched.</summary>
internal sealed class ImportFolder(IOptions<ImportOptions> options, TimeProvider time)
{
    public const string Activity = "activity";

    private const string Uploads = "uploads";
    private const string Unfinished = ".part";

    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(7);

    // What is still being written is left for the next time.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(5);

    /// <summary>Where it is.</summary>
    /// <exception cref="JobRefusedException">There is none.</exception>
    public string Root => options.Value.Directory is { Length: > 0 } directory ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))
        : throw JobRefusedException.NotNow("this service imports no files: name a folder for them in Import:Directory");

    /// <summary>The path of a file in it.</summary>
    /// <exception cref="JobFailedException">There is no such file, or it is elsewhere.</exception>
    public string Find(string name)
    {
        var path = Path.GetFullPath(Path.Combine(Root, name));
        return path.StartsWith(Root + Path.DirectorySeparatorChar, StringComparison.Ordinal) && File.Exists(path) && !HasLink(path) ? path
            : throw new JobFailedException($"there is no file '{name}' in Import:Directory of this service");
    }

    // A link may lead elsewhere, of a folder on the way as well.
    private bool HasLink(string path) => path != Root && (new FileInfo(path).LinkTarget is not null || HasLink(Path.GetDirectoryName(path)!));

    /// <summary>Keeps an upload; one that breaks off leaves nothing.</summary>
    /// <returns>Its name in the folder.</returns>
    public async Task<string> SaveAsync(string name, Stream content, CancellationToken cancellationToken)
    {
        if (name.Length > 100 || name.StartsWith('.') || name.AsSpan().ContainsAny(Path.GetInvalidFileNameChars()) || name.Contains('\\', StringComparison.Ordinal))
        {
            throw JobRefusedException.BadRequest("the file's name is none: write one without slashes, of at most 100 characters");
        }

        var saved = Path.Combine(Uploads, $"{Guid.NewGuid():N}", name);
        var path = Path.Combine(Root, saved);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using (var file = new FileStream(path + Unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                await content.CopyToAsync(file, cancellationToken);
            }

            File.Move(path + Unfinished, path);
            return saved;
        }
        catch (UnauthorizedAccessException e)
        {
            throw JobRefusedException.NotNow($"the service may not write to Import:Directory: {e.Message}");
        }
        finally
        {
            if (!File.Exists(path))
            {
                Forget(saved);
            }
        }
    }

    /// <summary>Forgets an upload.</summary>
    public void Forget(string saved)
    {
        // As the path is, and not as it is written: what is deleted is a folder that an upload has made.
        var place = Path.GetRelativePath(Root, Path.GetFullPath(Path.Combine(Root, saved))).Split(Path.DirectorySeparatorChar);
        if (place is [Uploads, var upload, _] && Guid.TryParseExact(upload, "N", out _) && Path.Combine(Root, Uploads, upload) is var folder && Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Forgets uploads whose runs have failed, and which nobody has gone on with for long.</summary>
    public void ForgetOld()
    {
        var uploads = new DirectoryInfo(Path.Combine(Root, Uploads));
        foreach (var old in uploads.Exists ? uploads.GetDirectories().Where(folder => time.GetUtcNow().UtcDateTime - folder.LastWriteTimeUtc > KeptFor) : [])
        {
            old.Delete(recursive: true);
        }
    }

    /// <summary>Files of the watched folders, the oldest first, by their names in this one.</summary>
    public IReadOnlyList<string> FindWatched()
    {
        var now = time.GetUtcNow().UtcDateTime;
        return
        [
            .. new DirectoryInfo(Root).EnumerateDirectories()
                .Where(folder => folder.LinkTarget is null)
                .Where(folder => folder.Name == Activity || folder.Name.Contains('@', StringComparison.Ordinal))
                .SelectMany(folder => folder.EnumerateFiles())
                .Where(file => !file.Name.StartsWith('.') && file.LinkTarget is null && now - file.LastWriteTimeUtc > Settled)
                .OrderBy(file => file.LastWriteTimeUtc)
                .Select(file => Path.GetRelativePath(Root, file.FullName)),
        ];
    }

    /// <summary>By what it is known whether somebody has written to a file, or put another in its place.</summary>
    public (long Length, DateTime WrittenAt) StateOf(string name) => new FileInfo(Path.Combine(Root, name)) is { Exists: true } file ? (file.Length, file.LastWriteTimeUtc) : default;

    /// <summary>Moves a file of a watched folder to where those are that are done with, <c>done</c> or <c>failed</c>, beside it.</summary>
    public void MoveTo(string name, string where)
    {
        var path = Path.Combine(Root, name);
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(path)!, where));
        File.Move(path, Path.Combine(folder.FullName, Path.GetFileName(path)), overwrite: true);
    }

    /// <summary>A file that could not be imported, by the name that it had.</summary>
    public static string InFailed(string name) => Path.Combine(Path.GetDirectoryName(name)!, "failed", Path.GetFileName(name));
}
