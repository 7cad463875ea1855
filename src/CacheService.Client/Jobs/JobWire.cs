using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;
using Enum = System.Enum;

namespace CacheService.Client.Jobs;

/// <summary>Turns the messages about jobs into the library's types, and back.</summary>
internal static class JobWire
{
    public static Job Of(TweetCounts.V1.Job job) => new()
    {
        Name = job.Name,
        Description = job.Description,
        Schedule = job.Schedule,
        TimeZone = job.TimeZone,
        Misfire = Same<MisfireRule>(job.Misfire),
        Parameters = new Dictionary<string, string>(job.Parameters),
        KnownParameters = [.. job.KnownParameters.Select(parameter => new JobParameter(parameter.Name, parameter.Description, parameter.DefaultValue))],
        NextSlot = Of(job.NextSlot),
        PausedAt = Of(job.PausedAt),
        PausedBy = job.PausedBy,
        PausedWhy = job.PausedWhy,
        Run = job.Run is null ? null : Of(job.Run),
        Problem = job.Problem,
        CanRetry = job.CanRetry,
    };

    public static JobRun Of(TweetCounts.V1.JobRun run) => new()
    {
        Id = run.Id,
        Job = run.Job,
        State = Same<JobRunState>(run.State),
        Detail = run.Detail,
        Trigger = run.Trigger,
        OfRun = run.OfRun == 0 ? null : run.OfRun,
        Slot = Of(run.Slot),
        LastSlot = Of(run.LastSlot),
        Slots = run.Slots,
        AskedBy = run.AskedBy,
        Parameters = new Dictionary<string, string>(run.Parameters),
        IsDryRun = run.DryRun,
        Service = run.Service,
        StartedAt = Of(run.StartedAt),
        EndedAt = Of(run.EndedAt),
        Numbers = new Dictionary<string, long>(run.Numbers),
        Cursor = run.Cursor,
    };

    public static JobRunDetails Of(GetRunResponse run) => new()
    {
        Run = Of(run.Run),
        Items = [.. run.Items.Select(item => new JobItem(item.Key, Same<JobItemState>(item.State), item.Before, item.After, item.Error, item.Attempts, Of(item.At) ?? default))],
        FailedItems = run.FailedItems,
        AllItems = run.AllItems,
        Log = [.. run.Log.Select(line => new JobLogLine(line.Line, Of(line.At) ?? default, line.Text))],
        Outputs = [.. run.Outputs],
    };

    public static JobAction Of(TweetCounts.V1.JobAction action) =>
        new(action.Id, Of(action.At) ?? default, action.Who, action.What, action.Job, action.Run == 0 ? null : action.Run, action.Detail);

    public static TweetCounts.V1.JobRunState To(JobRunState? state) => Same<TweetCounts.V1.JobRunState>(state);

    public static TweetCounts.V1.JobItemState To(JobItemState? state) => Same<TweetCounts.V1.JobItemState>(state);

    public static ScheduleJobRequest To(string job, JobScheduleChange change)
    {
        var request = new ScheduleJobRequest { Job = job, Schedule = change.Schedule, TimeZone = change.TimeZone ?? "", Misfire = Same<TweetCounts.V1.MisfireRule>(change.Misfire) };
        if (change.Parameters is { } parameters)
        {
            request.Parameters = new JobParameters { Values = { parameters.ToDictionary() } };
        }

        return request;
    }

    private static DateTimeOffset? Of(Timestamp? time) => time?.ToDateTimeOffset();

    /// <summary>The value of the same name in another enum; the first where there is none.</summary>
    private static T Same<T>(Enum? value)
        where T : struct, Enum => Enum.TryParse<T>(value?.ToString(), out var same) && Enum.IsDefined(same) ? same : default;
}
