using CacheService.LoadTests.Machine;

namespace CacheService.LoadTests.Writes;

/// <summary>The services that run beside writers: one on the database of each that asks for one.</summary>
internal sealed class WritersServices : IAsyncDisposable
{
    private readonly Dictionary<Writer, MeasuredService> _services = [];

    public IReadOnlyCollection<KeyValuePair<Writer, MeasuredService>> All => _services;

    public static async Task<WritersServices> StartAsync(WritersDatabases databases, IReadOnlyList<Writer> writers, CancellationToken cancellationToken)
    {
        var services = new WritersServices();
        try
        {
            foreach (var writer in writers)
            {
                if (writer.ServiceSettings is { } settings)
                {
                    services._services.Add(writer, await MeasuredService.StartAsync(databases[writer], settings, cancellationToken));
                }
            }

            return services;
        }
        catch
        {
            await services.DisposeAsync();
            throw;
        }
    }

    /// <summary>Of a writer's service; where it has none, of one that has nothing to do.</summary>
    public ProcessTree ProcessesOf(Writer writer) => (_services.GetValueOrDefault(writer) ?? _services[Writer.Find(Writer.CacheRunning)]).Processes;

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services.Values)
        {
            await service.DisposeAsync();
        }
    }
}
