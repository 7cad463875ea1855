using System.Globalization;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Freezes processes and lets them go on, as an overloaded or suspended machine does.</summary>
internal static class ProcessSignals
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public static Task FreezeAsync(params int[] pids) => SendAsync("STOP", pids);

    public static Task ThawAsync(params int[] pids) => SendAsync("CONT", pids);

    /// <summary>A process and all that descend from it, the ancestors first.</summary>
    public static int[] WithDescendants(int pid) => [pid, .. ChildrenOf(pid).SelectMany(WithDescendants)];

    /// <summary>The processes that run, and have that in their command line.</summary>
    public static int[] WithInCommandLine(string text) => [.. All().Where(pid => CommandLineOf(pid).Contains(text, StringComparison.Ordinal))];

    /// <summary>Sends any signal, by its name without SIG.</summary>
    public static async Task SendAsync(string signal, params int[] pids)
    {
        // Every shell has the command built in; one that has ended meanwhile is no error.
        await Command.RunAsync(["sh", "-c", $"kill -{signal} {string.Join(' ', pids)}"], Timeout, CancellationToken.None);
    }

    private static IEnumerable<int> ChildrenOf(int parent) => All().Where(pid => ParentOf(pid) == parent);

    private static IEnumerable<int> All()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid))
            {
                yield return pid;
            }
        }
    }

    private static string CommandLineOf(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static int? ParentOf(int pid)
    {
        try
        {
            // pid (name) state ppid …; the name may have anything in it.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
