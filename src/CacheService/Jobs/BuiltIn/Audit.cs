using CacheService.Auditing;

namespace CacheService.Jobs.BuiltIn;

/// <summary>
/// Compares the counts of the service that runs it with the tables. Every service goes on auditing itself at <c>Audit:Interval</c>, because one service's audit says nothing of another's memory.
/// </summary>
internal sealed class Audit(Auditor auditor) : Job
{
    private const int KeptItems = 100;

    public override string Name => "audit";

    public override string Description => "Compares all counts of the service that runs it with the tables, and corrects what differs.";

    public override async Task RunAsync(JobRun run)
    {
        if (run.IsDryRun)
        {
            run.Log("would compare all counts with the tables, and correct what differs");
            return;
        }

        AuditResult result;
        try
        {
            result = await auditor.AuditNowAsync(run.Stopping);
        }
        catch (AuditUnavailableException e)
        {
            throw new JobFailedException(e.Message, e);
        }

        await run.BatchAsync(batch =>
        {
            batch.Count("messages", result.Messages);
            batch.Count("differences", result.Differences);
            batch.Count("repaired", result.Repaired);
            batch.Count("days", result.Days);
            batch.Count("day_differences", result.DayDifferences);
            foreach (var difference in result.FirstDifferences.Take(KeptItems))
            {
                batch.Done($"message {difference.MessageId}", difference.Actual, difference.Expected);
            }

            foreach (var messageId in result.FirstUncompared.Take(KeptItems))
            {
                batch.Fail($"message {messageId}", "could not be compared, because the count of its activity took too long (Audit:MaxMessageTime)");
            }

            if (result.DaysUncompared.Length > 0)
            {
                batch.Fail("days", $"could not be compared: {result.DaysUncompared}");
            }

            return Task.CompletedTask;
        });
        if (result.TriggersWarning.Length > 0)
        {
            throw new JobFailedException(result.TriggersWarning);
        }
    }
}
