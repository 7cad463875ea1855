using System.Globalization;

namespace CacheService.LoadTests.Reporting;

/// <summary>The report as files: each run has its own.</summary>
internal static class ReportFiles
{
    /// <summary>Makes the folder, and sees whether files can be written there: before hours are spent.</summary>
    /// <exception cref="LoadTestException">They cannot.</exception>
    public static void Prepare(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            File.Create(Path.Combine(folder, Path.GetRandomFileName()), bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LoadTestException($"the report cannot be written to {folder}: {e.Message} Choose another --output.");
        }
    }

    /// <summary>Writes them, in place of what the same run wrote before; returns their full paths.</summary>
    public static IReadOnlyList<string> Write(RunReport report, string folder)
    {
        var name = Path.GetFullPath(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"loadtest-{report.Started:yyyyMMdd-HHmmss}")));
        (string Path, string Text)[] files = [($"{name}.json", JsonReport.Of(report)), ($"{name}.html", HtmlReport.Of(report))];
        foreach (var (path, text) in files)
        {
            File.WriteAllText(path, text);
        }

        return [.. files.Select(file => file.Path)];
    }
}
