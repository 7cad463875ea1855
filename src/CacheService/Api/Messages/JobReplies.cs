using CacheService.Jobs;
using Google.Protobuf.WellKnownTypes;
using TweetCounts.V1;
using Enum = System.Enum;
using JobAction = CacheService.Jobs.JobAction;

namespace CacheService.Api.Messages;

/// <summary>Makes the messages that tell of jobs.</summary>
internal static class JobReplies
{
    public static JobResponse Job(JobInfo info) => new() { Job = Message(info) };

    public static ListJobsResponse Jobs(IEnumerable<JobInfo> jobs) => new() { Jobs = { jobs.Select(Message) } };

    public static RunResponse Run(RunRow run) => new() { Run = Message(run) };

    public static ListRunsResponse Runs(IEnumerable<RunRow> runs) => new() { Runs = { runs.Select(Message) } };

    public static GetOutputResponse Output(RunOutput output) => new() { Name = output.Name, ContentType = output.ContentType, Content = output.Content };

    public static ListActionsResponse Actions(IEnumerable<JobAction> actions) => new()
    {
        Actions =
        {
            actions.Select(action => new TweetCounts.V1.JobAction
            {
                Id = action.Id, At = Timestamp.FromDateTimeOffset(action.At), Who = action.Who, What = action.What, Job = action.Job, Run = action.Run, Detail = action.Detail,
            }),
        },
    };

    public static GetRunResponse Run(RunRow run, IEnumerable<RunItem> items, (long Failed, long All) counted, IEnumerable<RunLogLine> log, IEnumerable<string> outputs) => new()
    {
        Run = Message(run),
        Items =
        {
            items.Select(item => new JobItem
            {
                Key = item.Key, State = Enum.Parse<JobItemState>(item.State.ToString()), Before = item.Before ?? "", After = item.After ?? "", Error = item.Error, Attempts = item.Attempts, At = Time(item.At),
            }),
        },
        FailedItems = counted.Failed,
        AllItems = counted.All,
        Log = { log.Select(line => new JobLogLine { Line = line.Line, At = Timestamp.FromDateTimeOffset(line.At), Text = line.Text }) },
        Outputs = { outputs },
    };

    private static TweetCounts.V1.Job Message(JobInfo info) => new()
    {
        Name = info.Row.Name,
        Description = info.Job?.Description ?? "",
        Schedule = info.Row.Schedule ?? "",
        TimeZone = info.Row.TimeZone,
        Misfire = Enum.Parse<MisfireRule>(info.Row.Misfire.ToString()),
        Parameters = { info.Row.Parameters.ToDictionary() },
        KnownParameters =
        {
            info.Job?.Parameters.Select(parameter => new TweetCounts.V1.JobParameter { Name = parameter.Name, Description = parameter.Description, DefaultValue = parameter.Default }) ?? [],
        },
        NextSlot = info.Job is null ? null : Time(info.Next),
        PausedAt = Time(info.Row.PausedAt),
        PausedBy = info.Row.PausedBy,
        PausedWhy = info.Row.PausedWhy,
        Run = info.Run is null ? null : Message(info.Run),
        Problem = info.Job is null ? "this service does not know it" : info.Problem,
        CanRetry = info.Job?.CanRetry == true,
    };

    private static TweetCounts.V1.JobRun Message(RunRow run) => new()
    {
        Id = run.Id,
        Job = run.Job,
        State = Enum.Parse<JobRunState>(run.State.ToString()),
        Detail = run.Detail,
        Trigger = run.Trigger.ToString().ToLowerInvariant(),
        OfRun = run.OfRun ?? 0,
        Slot = Time(run.Slot),
        LastSlot = Time(run.LastSlot),
        Slots = run.Slots,
        AskedBy = run.AskedBy,
        Parameters = { run.Parameters.ToDictionary() },
        DryRun = run.IsDryRun,
        Service = run.Service,
        StartedAt = Time(run.StartedAt),
        EndedAt = Time(run.EndedAt),
        Numbers = { run.Numbers.ToDictionary() },
        Cursor = run.Cursor ?? "",
    };

    private static Timestamp? Time(DateTimeOffset? time) => time is { } known ? Timestamp.FromDateTimeOffset(known) : null;
}
