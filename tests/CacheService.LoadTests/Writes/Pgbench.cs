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
    private const int MostSeconds = 1_200;

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
        var seconds = Math.Max(1, Math.Round(duration.TotalSeconds));
        for (; seconds <= MostSeconds; seconds *= 2)
        {
            // On a machine with much else to do, connecting alone can take the whole time.
            if (await TryRunAsync(database, script, clients, seconds, rate, cancellationToken) is { } transactions)
            {
                return transactions;
            }
        }

        throw new LoadTestException($"pgbench has not done one transaction within {seconds / 2} seconds");
    }

    private async Task<double?> TryRunAsync(LoadDatabase database, string script, int clients, double seconds, double? rate, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        List<string> arguments =
        [
            "-n", "-M", "prepared", "-h", connection.Host!, "-p", $"{connection.Port}", "-U", connection.Username!,
            "-c", $"{clients}", "-j", $"{Math.Min(clients, Threads)}", "-T", $"{seconds:0}", "-f", script, database.Name,
        ];
        if (rate is { } limit)
        {
            arguments.InsertRange(0, ["-R", limit.ToString("0.###", CultureInfo.InvariantCulture)]);
        }

        var output = await ChildProcess.RunAsync(program, arguments, new Dictionary<string, string> { ["PGPASSWORD"] = connection.Password! }, cancellationToken);
        return RateLine().Match(output) is { Success: true } match ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : output.Contains("actually processed: 0", StringComparison.Ordinal) ? null
            : throw new LoadTestException($"pgbench says nothing of use: {output}");
    }

    [GeneratedRegex(@"tps = ([0-9.]+) \(without initial connection time\)")]
    private static partial Regex RateLine();
}
