using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Options;

namespace CacheService.Postgres;

/// <summary>Runs the embedded PostgreSQL for as long as the service runs, where the configuration names no other: up before anything asks for it, down after everything.</summary>
internal sealed partial class EmbeddedPostgresHost(DatabaseAddress address, IOptions<EmbeddedOptions> options, ILogger<EmbeddedPostgresHost> logger)
    : IHostedLifecycleService, IAsyncDisposable
{
    private Task<EmbeddedPostgres>? _starting;
    private volatile EmbeddedPostgres? _server;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (address.IsEmbedded)
        {
            _starting = EmbeddedPostgres.StartAsync(options.Value, logger, cancellationToken);
            _server = await _starting;
            address.ConnectionString = _server.ConnectionString;
        }
        else if (address.LeftOut.Count > 0)
        {
            LogLeftOut(logger, address.LeftOut);
        }
    }

    /// <summary>Stops the server without its goodbyes. One that is being started stops by itself, because whoever asks for this has cancelled the start.</summary>
    public async Task StopAtOnceAsync()
    {
        if (_starting is { } starting)
        {
            await ((Task)starting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (starting.IsCompletedSuccessfully)
            {
                await (await starting).StopAtOnceAsync();
            }
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => _server?.StopAsync() ?? Task.CompletedTask;

    // A start that fails half-way stops nothing, but disposes everything.
    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(EventId = 2020, EventName = "KeywordsLeftOut", Level = LogLevel.Information,
        Message = "Of ConnectionStrings:Postgres the service does not use {Keywords}: how its connections are used it sets itself (see Database:MaxConnections).")]
    private static partial void LogLeftOut(ILogger logger, IReadOnlyList<string> keywords);
}
