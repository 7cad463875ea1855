using System.Globalization;

namespace CacheService.LoadTests.Reporting;

/// <summary>The report as files: each run has its own.</summary>
internal static class ReportFiles
{
    /// <summary>Returns their full paths.</summary>
    public static IReadOnlyList<string> Write(RunReport report, string folder)
    {
        Directory.CreateDirectory(folder);
        var name = Path.GetFullPath(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"loadtest-{report.Started:yyyyMMdd-HHmmss}")));
        (string Path, string Text)[] files = [($"{name}.json", JsonReport.Of(report)), ($"{name}.html", HtmlReport.Of(report))];
        foreach (var (path, text) in files)
        {
            File.WriteAllText(path, text);
        }

        return [.. files.Select(file => file.Path)];
    }
}
