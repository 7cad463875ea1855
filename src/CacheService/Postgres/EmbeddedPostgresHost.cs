using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Options;

namespace CacheService.Postgres;

/// <summary>Runs the embedded PostgreSQL for as long as the service runs, where the configuration names no other: up before anything asks for it, down after everything.</summary>
internal sealed class EmbeddedPostgresHost(DatabaseAddress address, IOptions<EmbeddedOptions> options, ILogger<EmbeddedPostgresHost> logger)
    : IHostedLifecycleService, IAsyncDisposable
{
    private EmbeddedPostgres? _server;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (address.IsEmbedded)
        {
            _server = await EmbeddedPostgres.StartAsync(options.Value, logger, cancellationToken);
            address.ConnectionString = _server.ConnectionString;
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => _server?.StopAsync() ?? Task.CompletedTask;

    // A start that fails half-way stops nothing, but disposes everything.
    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
