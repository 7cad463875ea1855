namespace CacheService.Tool.Play;

/// <summary>Opens the file of a play.</summary>
internal static class PlayFile
{
    /// <exception cref="ToolException">There is no such file, or it is not a play.</exception>
    public static IReadOnlyList<Speech> Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.CanSeek && file.Length > PlayReader.MaxCharacters)
                throw new ToolException($"{path} is larger than {PlayReader.MaxCharacters / (1024 * 1024)} MiB: that is no play");
            return PlayReader.Read(file, Path.GetFileName(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ToolException($"there is no file {path}: check its name", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ToolException(Directory.Exists(path) ? $"{path} is a folder: name the file of the play" : $"cannot read {path}: {e.Message}", e);
        }
    }
}
