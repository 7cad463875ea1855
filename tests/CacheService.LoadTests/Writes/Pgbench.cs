using System.Globalization;
using System.Text.RegularExpressions;
using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Writes;

/// <summary>Runs pgbench, PostgreSQL's own load generator.</summary>
internal sealed partial class Pgbench(string program, TemporaryFolder folder)
{
    public const string Missing = "pgbench is missing (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-contrib)";

    private const int Threads = 2;

    public string Script(string name, string text) => folder.Write($"{name}.sql", text + "\n");

    /// <summary>Transactions a second.</summary>
    /// <param name="database">Where.</param>
    /// <param name="script">What each transaction does: a file.</param>
    /// <param name="clients">Connections.</param>
    /// <param name="duration">For how long; pgbench knows whole seconds.</param>
    /// <param name="rate">Transactions a second to keep to; null: as many as there can be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<double> RunAsync(LoadDatabase database, string script, int clients, TimeSpan duration, double? rate, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        List<string> arguments =
        [
            "-n", "-M", "prepared", "-h", connection.Host!, "-p", $"{connection.Port}", "-U", connection.Username!,
            "-c", $"{clients}", "-j", $"{Math.Min(clients, Threads)}", "-T", $"{Math.Max(1, Math.Round(duration.TotalSeconds)):0}", "-f", script, database.Name,
        ];
        if (rate is { } limit)
        {
            arguments.InsertRange(0, ["-R", limit.ToString("0.###", CultureInfo.InvariantCulture)]);
        }

        var output = await ChildProcess.RunAsync(program, arguments, new Dictionary<string, string> { ["PGPASSWORD"] = connection.Password! }, cancellationToken);
        return RateLine().Match(output) is { Success: true } match
            ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : throw new LoadTestException($"pgbench says nothing of use: {output}");
    }

    [GeneratedRegex(@"tps = ([0-9.]+) \(without initial connection time\)")]
    private static partial Regex RateLine();
}
