using System.Globalization;
using System.Text.RegularExpressions;
using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Writes;

/// <summary>Runs pgbench, PostgreSQL's own load generator.</summary>
internal sealed partial class Pgbench(string program, TemporaryFolder folder)
{
    public const string Missing = "pgbench is missing (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-contrib)";

    /// <summary>
    /// Goes by before anything is counted. A new session reads catalogs and compiles triggers: with 32 of them that is some 5 % of two seconds, and nothing of the
    /// hours that a pool's sessions live.
    /// </summary>
    public static readonly TimeSpan First = TimeSpan.FromSeconds(1);

    private const int Threads = 2;

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(20);

    /// <summary>Measures for twice the time as long as it was too short: on a machine with much else to do, connecting alone can take most of it.</summary>
    /// <param name="duration">For how long at first.</param>
    /// <param name="tryAsync">Measures; null: it was too short.</param>
    public static async Task<T> MeasureAsync<T>(TimeSpan duration, Func<TimeSpan, Task<T?>> tryAsync)
        where T : struct
    {
        for (; duration <= Longest; duration *= 2)
        {
            if (await tryAsync(duration) is { } result)
            {
                return result;
            }
        }

        throw new LoadTestException($"pgbench has hardly done a transaction within {duration / 2}");
    }

    public string Script(string name, string text) => folder.Write($"{name}.sql", text + "\n");

    /// <summary>Transactions a second, after the first second; null: it was too short to tell.</summary>
    /// <param name="database">Where.</param>
    /// <param name="script">What each transaction does: a file.</param>
    /// <param name="clients">Connections.</param>
    /// <param name="duration">For how long, after the first second; pgbench knows whole seconds.</param>
    /// <param name="rate">Transactions a second to keep to; null: as many as there can be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<double?> TryRunAsync(LoadDatabase database, string script, int clients, TimeSpan duration, double? rate, CancellationToken cancellationToken)
    {
        var seconds = Math.Max(1, Math.Round(duration.TotalSeconds));
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        List<string> arguments =
        [
            "-n", "-M", "prepared", "-h", connection.Host!, "-p", $"{connection.Port}", "-U", connection.Username!,
            "-c", $"{clients}", "-j", $"{Math.Min(clients, Threads)}", "-T", $"{First.TotalSeconds + seconds:0}", "-P", $"{First.TotalSeconds:0}", "-f", script, database.Name,
        ];
        if (rate is { } limit)
        {
            arguments.InsertRange(0, ["-R", limit.ToString("0.###", CultureInfo.InvariantCulture)]);
        }

        var output = await ChildProcess.RunAsync(program, arguments, new Dictionary<string, string> { ["PGPASSWORD"] = connection.Password! }, cancellationToken);
        if (output.Contains("actually processed: 0", StringComparison.Ordinal))
        {
            return null;
        }

        if (RateLine().Match(output) is not { Success: true } all || CountLine().Match(output) is not { Success: true } count || ConnectLine().Match(output) is not { Success: true } connect)
        {
            throw new LoadTestException($"pgbench says nothing of use: {output}");
        }

        // Progress is told from the start on, connecting included; the rate is that after connecting.
        var transactions = Number(count.Groups[1]);
        var elapsed = (transactions / Number(all.Groups[1])) + (Number(connect.Groups[1]) / 1_000);
        return ProgressLine().Match(output) is { Success: true } first && elapsed - Number(first.Groups[1]) is var rest && rest >= seconds / 2
            ? (transactions - (Number(first.Groups[1]) * Number(first.Groups[2]))) / rest
            : null;
    }

    private static double Number(Group group) => double.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"actually processed: (\d+)")]
    private static partial Regex CountLine();

    [GeneratedRegex(@"initial connection time = ([0-9.]+) ms")]
    private static partial Regex ConnectLine();

    [GeneratedRegex(@"progress: ([0-9.]+) s, ([0-9.]+) tps")]
    private static partial Regex ProgressLine();

    [GeneratedRegex(@"tps = ([0-9.]+) \(without initial connection time\)")]
    private static partial Regex RateLine();
}
