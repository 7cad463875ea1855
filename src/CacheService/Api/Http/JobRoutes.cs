using CacheService.ImportJob;
using Google.Protobuf.Reflection;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Api.Http;

/// <summary>The routes for jobs.</summary>
internal static class JobRoutes
{
    private const string RunExample =
        """
        { "id": "12", "job": "refresh-mat-views", "state": "JOB_RUN_STATE_RUNNING", "trigger": "hand", "askedBy": "key cron", "slots": "1", "startedAt": "2026-11-29T12:00:00Z", "numbers": { "refreshed_views": "3" } }
        """;

    private const string JobExample =
        """
        { "name": "refresh-mat-views", "schedule": "*/5 * * * *", "timeZone": "UTC", "misfire": "MISFIRE_RULE_LATEST", "nextSlot": "2026-11-29T12:05:00Z" }
        """;

    private static readonly StatusCode[] OfLooks = [StatusCode.InvalidArgument, StatusCode.NotFound, StatusCode.FailedPrecondition, StatusCode.Unavailable];

    private static readonly HttpParameter Name = new("name", HttpParameterPlace.Path, "The job's name.", "refresh-mat-views");
    private static readonly HttpParameter Run = new("id", HttpParameterPlace.Path, "The run's number.", "12");
    private static readonly HttpParameter Reason = new("reason", HttpParameterPlace.Query, "Why, for whoever looks.", "release");
    private static readonly HttpParameter OfJob = new("job", HttpParameterPlace.Query, "Only of this job.", "refresh-mat-views");
    private static readonly HttpParameter Before = new("before", HttpParameterPlace.Query, "Only what has lower numbers, for the next page.", "12");
    private static readonly HttpParameter Limit = new("limit", HttpParameterPlace.Query, "How many at most, 1 to 1000; else 50.", "100");
    private static readonly HttpParameter Key = new("Idempotency-Key", HttpParameterPlace.Header, "Who calls again with the same key gets the same run.", "2026-11-29T12:00");

    public static IReadOnlyList<HttpRoute<JobsHttpService>> All { get; } =
    [
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/jobs",
            Method = Method("ListJobs"),
            Summary = "All jobs, each with its run that is under way, else its last one.",
            Parameters = [HttpParameter.Timeout],
            Errors = OfLooks,
            Example = $$"""{ "jobs": [ {{JobExample}} ] }""",
            Handler = static (service, call) => service.ListJobs(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/jobs/{name}/start",
            Method = Method("StartJob"),
            Summary = "Starts a job now, and answers at once. The body may be left out.",
            Parameters = [Name, Key],
            Body = StartJobRequest.Descriptor,
            BodyExample = """{ "parameters": { "views": "public.sales" }, "dryRun": true }""",
            Errors = [.. OfLooks, StatusCode.ResourceExhausted],
            Example = $$"""{ "run": {{RunExample}} }""",
            Handler = static (service, call) => service.StartJob(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/imports/{name}",
            Method = Method("StartJob"),
            OperationId = "ImportFile",
            Summary = "Keeps a file, which the body is, and starts the job import with it.",
            Parameters =
            [
                new("name", HttpParameterPlace.Path, "The file's name.", "artists.csv"),
                new("into", HttpParameterPlace.Query, "The table, with its schema.", "moma.artist"),
                new("key", HttpParameterPlace.Query, "The columns by which a row is found again.", "constituentid"),
                .. OrderTerms.NamesOfFile.Select(name => new HttpParameter(
                    name, HttpParameterPlace.Query, "As the job's parameter of that name.", name is "as_of" ? "2017-06-01" : name is "encoding" ? "utf-8" : "true")),
                new("dry_run", HttpParameterPlace.Query, "true: only check it, and say what would change.", "true"),
            ],
            TakesFile = true,
            Errors = [.. OfLooks, StatusCode.ResourceExhausted],
            Example = $$"""{ "run": {{RunExample}} }""",
            Handler = static (service, call) => service.ImportFile(call),
        },
        Schedule(HttpMethods.Post, "StartJobByPost"),
        Schedule(HttpMethods.Get, "StartJobByGet"),
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/jobs/{name}/pause",
            Method = Method("PauseJob"),
            Summary = "Lets nothing of a job start any more. What is under way goes on.",
            Parameters = [Name, Reason],
            Errors = OfLooks,
            Example = $$"""{ "job": {{JobExample}} }""",
            Handler = static (service, call) => service.PauseJob(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/jobs/{name}/unpause",
            Method = Method("UnpauseJob"),
            Summary = "Lets a job start again. What was due meanwhile stays skipped.",
            Parameters = [Name],
            Errors = OfLooks,
            Example = $$"""{ "job": {{JobExample}} }""",
            Handler = static (service, call) => service.UnpauseJob(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/jobs/{name}/schedule",
            Method = Method("ScheduleJob"),
            Summary = "Changes when a job runs, and what it is told. What is left out stays as it is.",
            Parameters = [Name],
            Body = ScheduleJobRequest.Descriptor,
            BodyExample = """{ "schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "misfire": "MISFIRE_RULE_SKIP" }""",
            Errors = OfLooks,
            Example = $$"""{ "job": {{JobExample}} }""",
            Handler = static (service, call) => service.ScheduleJob(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/runs",
            Method = Method("ListRuns"),
            Summary = "Runs, the latest first; skipped slots are among them.",
            Parameters = [OfJob, new("state", HttpParameterPlace.Query, "Only in this state: running, succeeded, incomplete, failed, stopped, cancelled, lost or skipped.", "failed"), Before, Limit, HttpParameter.Timeout],
            Errors = OfLooks,
            Example = $$"""{ "runs": [ {{RunExample}} ] }""",
            Handler = static (service, call) => service.ListRuns(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/runs/{id}",
            Method = Method("GetRun"),
            Summary = "One run, with its items, its log and the names of its outputs.",
            Parameters =
            [
                Run,
                new("item_state", HttpParameterPlace.Query, "Only items that are done, failed or ignored.", "failed"),
                new("item_limit", HttpParameterPlace.Query, "How many items at most, 1 to 1000; else 50.", "100"),
                new("log_after", HttpParameterPlace.Query, "Only lines of the log after this one.", "1000"),
                HttpParameter.Timeout,
            ],
            Errors = OfLooks,
            Example = $$"""{ "run": {{RunExample}}, "items": [ { "key": "public.sales", "state": "JOB_ITEM_STATE_FAILED", "error": "out of disk", "attempts": 1 } ], "failedItems": "1", "allItems": "3" }""",
            Handler = static (service, call) => service.GetRun(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/runs/{id}/outputs/{name}",
            Method = Method("GetOutput"),
            Summary = "Something that a run has made; with download as a file.",
            Parameters =
            [
                Run,
                new("name", HttpParameterPlace.Path, "The output's name.", "2026-11-28.csv"),
                new("download", HttpParameterPlace.Query, "true: the content itself, as a file.", "true"),
                HttpParameter.Timeout,
            ],
            Errors = OfLooks,
            Example = """{ "name": "2026-11-28.csv", "contentType": "text/csv", "content": "day,retweets\n" }""",
            Handler = static (service, call) => service.GetOutput(call),
        },
        OfRun("stop", "StopRun", "Ends a run, whatever it does and wherever it runs, and answers when it has ended. It can be resumed.", static (service, call) => service.StopRun(call), Reason),
        OfRun("cancel", "CancelRun", "Ends a run likewise, for good.", static (service, call) => service.CancelRun(call), Reason),
        OfRun("resume", "ResumeRun", "Goes on where a run that was stopped, that failed or that was lost had got to.", static (service, call) => service.ResumeRun(call)),
        OfRun("restart", "RestartRun", "Does what a run has done, or was skipped, once more from the beginning. One that is under way is cancelled.", static (service, call) => service.RestartRun(call)),
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/runs/{id}/retry",
            Method = Method("RetryItems"),
            Summary = "Tries failed items of a run again: those that the body names, without one all.",
            Parameters = [Run],
            Body = RetryItemsRequest.Descriptor,
            BodyExample = """{ "keys": [ "public.sales" ] }""",
            Errors = OfLooks,
            Example = $$"""{ "run": {{RunExample}} }""",
            Handler = static (service, call) => service.RetryItems(call),
        },
        new()
        {
            Verb = HttpMethods.Post,
            Path = "/v1/runs/{id}/ignore",
            Method = Method("IgnoreItems"),
            Summary = "Says of failed items that they are no matter.",
            Parameters = [Run],
            Body = IgnoreItemsRequest.Descriptor,
            BodyExample = """{ "keys": [ "public.sales" ] }""",
            Errors = OfLooks,
            Example = """{ "ignored": 1 }""",
            Handler = static (service, call) => service.IgnoreItems(call),
        },
        new()
        {
            Verb = HttpMethods.Get,
            Path = "/v1/actions",
            Method = Method("ListActions"),
            Summary = "Who did what with jobs, the latest first.",
            Parameters = [OfJob, Before, Limit, HttpParameter.Timeout],
            Errors = OfLooks,
            Example = """{ "actions": [ { "id": "3", "at": "2026-11-29T12:00:00Z", "who": "key cron", "what": "start", "job": "refresh-mat-views", "run": "12" } ] }""",
            Handler = static (service, call) => service.ListActions(call),
        },
    ];

    private static HttpRoute<JobsHttpService> Schedule(string verb, string operation) => new()
    {
        Verb = verb,
        Path = "/schedule/{name}",
        Method = Method("StartJob"),
        OperationId = operation,
        Summary = "The same for cron and curl; by GET only with an API key.",
        Parameters = [Name, Key],
        Errors = [.. OfLooks, StatusCode.ResourceExhausted],
        Example = $$"""{ "run": {{RunExample}} }""",
        Handler = static (service, call) => service.Schedule(call),
    };

    private static HttpRoute<JobsHttpService> OfRun(string what, string method, string summary, Func<JobsHttpService, HttpCall, Task> handler, params HttpParameter[] more) => new()
    {
        Verb = HttpMethods.Post,
        Path = $"/v1/runs/{{id}}/{what}",
        Method = Method(method),
        Summary = summary,
        Parameters = [Run, .. more],
        Errors = OfLooks,
        Example = $$"""{ "run": {{RunExample}} }""",
        Handler = handler,
    };

    private static MethodDescriptor Method(string name) => JobsService.Descriptor.FindMethodByName(name);
}
