using System.Globalization;
using System.Runtime.InteropServices;
using CacheService.Postgres;
using Microsoft.Extensions.Options;

namespace CacheService.Shutdown;

/// <summary>
/// Stops the service on SIGTERM, SIGINT, SIGQUIT and SIGHUP (a terminal that is closed): readiness goes, and after the drain period everything. A second signal
/// ends it at once; the embedded PostgreSQL it leaves behind neither way.
/// </summary>
internal sealed partial class SignalLifetime(
    IHostApplicationLifetime lifetime, Ending ending, EmbeddedPostgresHost embedded, IOptions<ShutdownOptions> options, TimeProvider time, ILogger<SignalLifetime> logger)
    : IHostLifetime, IDisposable
{
    // What shells report of a process that a signal has ended.
    private const int EndedBySignal = 128;

    private static readonly TimeSpan EmbeddedPatience = TimeSpan.FromSeconds(15);

    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _signals;

    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        (PosixSignal Signal, int Number)[] all = [(PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGTERM, 15)];
        foreach (var (signal, number) in all)
        {
            // nohup's: whoever had it ignored wants the service to outlive the terminal.
            if (signal != PosixSignal.SIGHUP || !IsIgnored(number))
            {
                _registrations.Add(PosixSignalRegistration.Create(signal, context =>
                {
                    context.Cancel = true;
                    Handle(signal, number);
                }));
            }
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void Handle(PosixSignal signal, int number)
    {
        if (Interlocked.Increment(ref _signals) == 1)
        {
            _ = StopInOrderAsync(signal);
        }
        else
        {
            _ = EndAtOnceAsync(signal, number);
        }
    }

    private async Task StopInOrderAsync(PosixSignal signal)
    {
        try
        {
            ending.Begin();
            await AnswerOnAsync(signal);
        }
        finally
        {
            lifetime.StopApplication();
        }
    }

    private async Task AnswerOnAsync(PosixSignal signal)
    {
        var period = options.Value.DrainPeriod;
        // A service that has not started yet answers nobody.
        if (period > TimeSpan.Zero && lifetime.ApplicationStarted.IsCancellationRequested)
        {
            LogDraining(logger, signal, period.TotalSeconds);
            // What stops the service for another reason ends the wait too.
            await Task.Delay(period, time, lifetime.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        else
        {
            LogStopping(logger, signal);
        }
    }

    private async Task EndAtOnceAsync(PosixSignal signal, int number)
    {
        LogEnding(logger, signal);
        await Task.WhenAny(embedded.StopAtOnceAsync(), Task.Delay(EmbeddedPatience));
        Environment.Exit(EndedBySignal + number);
    }

    private static bool IsIgnored(int signal)
    {
        const string Prefix = "SigIgn:";
        try
        {
            var line = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Prefix, StringComparison.Ordinal));
            return line is not null && (ulong.Parse(line[Prefix.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & (1UL << (signal - 1))) != 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            // No such file on other systems.
            return false;
        }
    }

    [LoggerMessage(EventId = 6001, EventName = "Stopping", Level = LogLevel.Information, Message = "{Signal}: the service stops.")]
    private static partial void LogStopping(ILogger logger, PosixSignal signal);

    [LoggerMessage(EventId = 6002, EventName = "Draining", Level = LogLevel.Information,
        Message = "{Signal}: the service is not ready any more, answers calls for {Seconds} s (Shutdown:DrainPeriod), and stops. A second signal ends it at once.")]
    private static partial void LogDraining(ILogger logger, PosixSignal signal, double seconds);

    [LoggerMessage(EventId = 6003, EventName = "EndingAtOnce", Level = LogLevel.Warning, Message = "{Signal}: the service ends at once.")]
    private static partial void LogEnding(ILogger logger, PosixSignal signal);
}
