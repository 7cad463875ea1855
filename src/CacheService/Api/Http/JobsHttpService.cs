using System.Net.Mime;
using CacheService.ImportJob;
using CacheService.Jobs;
using Microsoft.Net.Http.Headers;
using TweetCounts.V1;

namespace CacheService.Api.Http;

/// <summary>The handlers of what is asked of jobs over HTTP.</summary>
internal sealed class JobsHttpService(JobCalls calls, ImportFolder imports)
{
    private static readonly (string, JobRunState)[] RunStates =
    [
        ("any", JobRunState.Unspecified), .. Enum.GetValues<JobRunState>().Where(state => state != JobRunState.Unspecified).Select(state => (state.ToString().ToLowerInvariant(), state)),
    ];

    private static readonly (string, JobItemState)[] ItemStates =
        [("any", JobItemState.Unspecified), ("done", JobItemState.Done), ("failed", JobItemState.Failed), ("ignored", JobItemState.Ignored)];

    public async Task ListJobs(HttpCall call) => await call.AnswerAsync(await calls.ListJobsAsync(call.Cancelled));

    public async Task ListRuns(HttpCall call)
    {
        var request = new ListRunsRequest { Job = call.Text("job") ?? "", State = call.OneOf("state", RunStates), Before = call.Number<long>("before"), Limit = call.Number<int>("limit") };
        await call.AnswerAsync(await calls.ListRunsAsync(request, call.Cancelled));
    }

    public async Task GetRun(HttpCall call)
    {
        var request = new GetRunRequest
        {
            Id = call.PathNumber("id"),
            ItemState = call.OneOf("item_state", ItemStates),
            ItemLimit = call.Number<int>("item_limit"),
            LogAfter = call.Number<int>("log_after"),
        };
        await call.AnswerAsync(await calls.GetRunAsync(request, call.Cancelled));
    }

    public async Task GetOutput(HttpCall call)
    {
        var output = await calls.GetOutputAsync(new GetOutputRequest { RunId = call.PathNumber("id"), Name = call.PathText("name") }, call.Cancelled);
        if (!call.Flag("download"))
        {
            await call.AnswerAsync(output);
            return;
        }

        var disposition = new ContentDispositionHeaderValue(DispositionTypeNames.Attachment);
        disposition.SetHttpFileName(output.Name);
        call.Context.Response.Headers.ContentDisposition = disposition.ToString();
        // No browser may take it for a page of the service's own.
        call.Context.Response.Headers.XContentTypeOptions = "nosniff";
        call.Context.Response.Headers.CacheControl = "no-cache";
        call.Context.Response.ContentType = $"{output.ContentType}; charset=utf-8";
        await call.Context.Response.WriteAsync(output.Content, call.Cancelled);
    }

    public async Task ListActions(HttpCall call)
    {
        var request = new ListActionsRequest { Job = call.Text("job") ?? "", Before = call.Number<long>("before"), Limit = call.Number<int>("limit") };
        await call.AnswerAsync(await calls.ListActionsAsync(request, call.Cancelled));
    }

    public async Task StartJob(HttpCall call)
    {
        var request = await call.ReadBodyOrNoneAsync<StartJobRequest>();
        request.Job = call.PathText("name");
        request.IdempotencyKey = call.Context.Request.Headers["Idempotency-Key"] switch
        {
            { Count: 0 } => request.IdempotencyKey,
            [{ Length: > 0 } key] => key,
            _ => throw JobRefusedException.BadRequest("Idempotency-Key is empty, or there twice; send it once"),
        };

        await call.AnswerAsync(await calls.StartJobAsync(request, call.Caller));
    }

    /// <summary>Takes a file as it comes, and starts its import. What can be refused is, before it comes; where it is refused afterwards, nothing of it stays.</summary>
    public async Task ImportFile(HttpCall call)
    {
        var request = new StartJobRequest { Job = "import", DryRun = call.Flag("dry_run") };
        foreach (var name in OrderTerms.NamesOfFile.Prepend("key").Prepend("into"))
        {
            if (call.Text(name) is { } value)
            {
                request.Parameters.Add(name, value);
            }
        }

        OrderTerms.Require(await calls.RequireStartableAsync(request, call.Cancelled));
        var saved = await imports.SaveAsync(call.PathText("name"), call.Context.Request.Body, call.Cancelled);
        request.Parameters.Add("file", saved);
        try
        {
            await call.AnswerAsync(await calls.StartJobAsync(request, call.Caller));
        }
        catch (JobRefusedException)
        {
            imports.Forget(saved);
            throw;
        }
    }

    /// <summary>For cron and curl. Whoever sends a key may do it by GET, as curl does where it is told nothing else. A page, or a browser that looks ahead, may send a certificate by itself, and never a key.</summary>
    public async Task Schedule(HttpCall call)
    {
        var request = call.Context.Request;
        if (HttpMethods.IsGet(request.Method) && !(request.Headers.Authorization.Count > 0 && call.Context.User.Identity?.IsAuthenticated == true))
        {
            throw JobRefusedException.BadRequest($"GET starts a job only for whoever sends an API key; write curl -X POST {request.Scheme}://{request.Host}{request.Path}");
        }

        await StartJob(call);
    }

    public async Task StopRun(HttpCall call) => await call.AnswerAsync(await calls.StopRunAsync(new StopRunRequest { Id = call.PathNumber("id"), Reason = call.Text("reason") ?? "" }, call.Caller));

    public async Task CancelRun(HttpCall call) => await call.AnswerAsync(await calls.CancelRunAsync(new StopRunRequest { Id = call.PathNumber("id"), Reason = call.Text("reason") ?? "" }, call.Caller));

    public async Task ResumeRun(HttpCall call) => await call.AnswerAsync(await calls.ResumeRunAsync(new ResumeRunRequest { Id = call.PathNumber("id") }, call.Caller));

    public async Task RestartRun(HttpCall call) => await call.AnswerAsync(await calls.RestartRunAsync(new RestartRunRequest { Id = call.PathNumber("id") }, call.Caller));

    public async Task RetryItems(HttpCall call)
    {
        var request = await call.ReadBodyOrNoneAsync<RetryItemsRequest>();
        request.RunId = call.PathNumber("id");
        await call.AnswerAsync(await calls.RetryItemsAsync(request, call.Caller));
    }

    public async Task IgnoreItems(HttpCall call)
    {
        var request = await call.ReadBodyAsync<IgnoreItemsRequest>();
        request.RunId = call.PathNumber("id");
        await call.AnswerAsync(await calls.IgnoreItemsAsync(request, call.Caller));
    }

    public async Task PauseJob(HttpCall call) => await call.AnswerAsync(await calls.PauseJobAsync(new PauseJobRequest { Job = call.PathText("name"), Reason = call.Text("reason") ?? "" }, call.Caller));

    public async Task UnpauseJob(HttpCall call) => await call.AnswerAsync(await calls.UnpauseJobAsync(new UnpauseJobRequest { Job = call.PathText("name") }, call.Caller));

    public async Task ScheduleJob(HttpCall call)
    {
        var request = await call.ReadBodyAsync<ScheduleJobRequest>();
        request.Job = call.PathText("name");
        await call.AnswerAsync(await calls.ScheduleJobAsync(request, call.Caller));
    }
}
