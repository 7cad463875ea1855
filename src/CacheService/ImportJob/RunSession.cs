using CacheService.Import;
using CacheService.Jobs;
using Npgsql;

namespace CacheService.ImportJob;

/// <summary>The session of a run: each transaction is a batch of it, and does nothing once the run is lost.</summary>
internal sealed class RunSession(JobRun run) : IImportSession
{
    public Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken) => run.BatchAsync(batch => work(batch.Connection));
}
