using System.Diagnostics;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using Npgsql;

namespace CacheService.LoadTests.Horizon;

/// <summary>pg_dump, whose reader takes some hundred kilobytes a second: it holds one snapshot until it is disposed.</summary>
internal sealed class SlowDump : IAsyncDisposable
{
    private const int Chunk = 65_536;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly Process _dump;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _reading;
    private readonly PartResult _result;

    private SlowDump(Process dump, PartResult result)
    {
        (_dump, _result) = (dump, result);
        _reading = ReadAsync(_stop.Token);
    }

    public static async Task<IAsyncDisposable> BeginAsync(string program, LoadDatabase database, PartResult result, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var start = new ProcessStartInfo(program, ["-h", connection.Host!, "-p", $"{connection.Port}", "-U", connection.Username!, database.Name]) { RedirectStandardOutput = true };
        start.Environment["PGPASSWORD"] = connection.Password;
        var dump = new SlowDump(Process.Start(start)!, result);
        // Until it copies a table, it has read catalogs only.
        while (!dump._dump.HasExited && !await database.QueryAsync<bool>("select exists (select from pg_stat_activity where application_name = 'pg_dump' and datname = current_database() and query like 'COPY%')", cancellationToken))
        {
            await Task.Delay(Pause, cancellationToken);
        }

        return dump;
    }

    public async ValueTask DisposeAsync()
    {
        var hasEnded = _dump.HasExited;
        await _stop.CancelAsync();
        await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _dump.Kill();
        await _dump.WaitForExitAsync();
        _dump.Dispose();
        _stop.Dispose();
        if (hasEnded)
        {
            _result.Notes.Add("The dump of so small a table ended before the writers did.");
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[Chunk];
        while (await _dump.StandardOutput.BaseStream.ReadAsync(buffer, cancellationToken) > 0)
        {
            await Task.Delay(Pause, cancellationToken);
        }
    }
}
