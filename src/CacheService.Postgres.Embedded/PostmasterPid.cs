using System.Globalization;

namespace CacheService.Postgres.Embedded;

/// <summary>What a running or crashed server wrote into its postmaster.pid.</summary>
internal sealed record PostmasterPid(int Pid, string SocketFolder)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public static string PathIn(string cluster) => Path.Combine(cluster, "postmaster.pid");

    /// <summary>Null when the server is not running and has not crashed.</summary>
    public static PostmasterPid? Read(string cluster)
    {
        if (!File.Exists(PathIn(cluster)))
            return null;

        // Lines: pid, data directory, start time, port, socket folder, …; a crash may have left it short.
        var lines = File.ReadAllLines(PathIn(cluster));
        var pid = lines.Length > 0 && int.TryParse(lines[0], CultureInfo.InvariantCulture, out var number) ? Math.Abs(number) : 0;
        return new(pid, lines.Length > 4 ? lines[4] : "");
    }

    /// <summary>
    /// Whether that process is still the server of <paramref name="cluster"/>. After a crash of the machine or in a container the number
    /// often belongs to somebody else, who must not be stopped.
    /// </summary>
    public async Task<bool> IsServerOfAsync(string cluster, CancellationToken cancellationToken)
    {
        if (Pid == 0)
            return false;

        var commandLine = OperatingSystem.IsLinux()
            ? await FromProcAsync(cancellationToken)
            : (await Command.RunAsync(["ps", "-o", "args=", "-p", $"{Pid}"], Timeout, cancellationToken)).Output;
        return commandLine.Contains($"-D {cluster} ", StringComparison.Ordinal);
    }

    private async Task<string> FromProcAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await File.ReadAllTextAsync($"/proc/{Pid}/cmdline", cancellationToken)).Replace('\0', ' ');
        }
        catch (IOException)
        {
            // No such process, before or during the reading.
            return "";
        }
    }
}
