using System.Globalization;

namespace CacheService.LoadTests.Machine;

/// <summary>The processor time that a process and its children have used, where the system tells it (Linux).</summary>
/// <param name="Name">As in the results.</param>
/// <param name="Id">The process.</param>
/// <param name="HasLiveChildren">Whether children that live count, or only those that have ended.</param>
internal sealed record ProcessTree(string Name, int Id, bool HasLiveChildren = true)
{
    // USER_HZ, which Linux has fixed for all programs.
    private const double TicksPerSecond = 100;

    // Fields of /proc/PID/stat, counted from the one after the name, which is in brackets and may hold anything.
    private const int ParentField = 1;
    private const int FirstTimeField = 11;

    /// <summary>This program, with the load generators that it has run to their end; without the servers that it runs.</summary>
    public static ProcessTree OfClient { get; } = new("client", Environment.ProcessId, HasLiveChildren: false);

    /// <summary>Seconds since the start. Null: not known.</summary>
    public double? CpuSeconds()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        var ticks = 0L;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) && Stat(id) is { } stat)
            {
                ticks += id == Id ? Time(stat, 4) : HasLiveChildren && stat[ParentField] == $"{Id}" ? Time(stat, 2) : 0;
            }
        }

        return ticks / TicksPerSecond;
    }

    private static long Time(string[] stat, int fields) =>
        stat.Skip(FirstTimeField).Take(fields).Sum(field => long.Parse(field, CultureInfo.InvariantCulture));

    private static string[]? Stat(int id)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{id}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return null;
        }
    }
}
