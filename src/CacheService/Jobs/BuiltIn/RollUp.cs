using CacheService.Feed;
using CacheService.Rollup;
using Microsoft.Extensions.Options;

namespace CacheService.Jobs.BuiltIn;

/// <summary>Writes the counts back to the database, beside what <c>Rollup:Interval</c> does: before a backup, or where that is switched off.</summary>
internal sealed class RollUp(IOptions<RollupOptions> rollup, IOptions<FeedOptions> feed, TimeProvider time) : Job
{
    private const int Attempts = 30;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public override string Name => "roll-up";

    public override string Description => "Writes the counts back to twcache.counters, as of now.";

    public override async Task RunAsync(JobRun run)
    {
        if (run.IsDryRun)
        {
            await run.BatchAsync(async batch =>
            {
                await using var pending = batch.Command("select count(*) from twcache.rollup r cross join lateral twcache.recent_changes(r.snapshot)");
                batch.Count("pending_changes", (long)(await pending.ExecuteScalarAsync(run.Stopping))!);
            });
            return;
        }

        // After a reload the first call only begins, and the next one waits for transactions that are older.
        for (var attempt = 1; ; attempt++)
        {
            RollUpResult result = null!;
            await run.BatchAsync(async batch =>
            {
                result = await RollUpCall.RunAsync(batch.Connection, rollup.Value.EffectiveKeepFor, feed.Value.LoadTimeout, run.Stopping);
                batch.Count("changed_messages", result.Changed);
            });
            if (result.Counted)
            {
                return;
            }

            run.Log($"not yet: {result.Detail}");
            if (attempt == Attempts)
            {
                throw new JobFailedException($"the counts are not written back: {result.Detail}");
            }

            await Task.Delay(Pause, time, run.Stopping);
        }
    }
}
