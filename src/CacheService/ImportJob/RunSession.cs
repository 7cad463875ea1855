using CacheService.Import;
using CacheService.Jobs;
using Npgsql;

namespace CacheService.ImportJob;

/// <summary>The session of a run: each transaction is a batch of it, and does nothing once the run is lost.</summary>
internal sealed class RunSession(JobRun run) : IImportSession
{
    // What the run reports, and the end of the transaction.
    public int EndRoundTrips => 2;

    /// <summary>The batch that is under way.</summary>
    public JobBatch? Batch { get; private set; }

    // Where the import goes on is kept with its rows. The run's cursor only says that it gets on, so that a run is resumed however often it is lost.
    public Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken, string? place = null) => run.BatchAsync(async batch =>
    {
        Batch = batch;
        await work(batch.Connection);
        batch.Cursor = place ?? batch.Cursor;
    });
}
