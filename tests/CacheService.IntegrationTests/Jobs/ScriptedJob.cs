using CacheService.Jobs;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>A job that does what its test says.</summary>
internal sealed class ScriptedJob(string name, Func<JobRun, Task> work) : Job
{
    public override string Name => name;

    public override string Description => "Does what its test says.";

    public override IReadOnlyList<JobParameter> Parameters => [new("word", "Any word.", "none")];

    public override bool CanRetry => Retry is not null;

    /// <summary>What it does with an item that has failed before.</summary>
    public Func<JobRun, string, Task>? Retry { get; init; }

    public override Task RunAsync(JobRun run) => work(run);

    public override Task RetryAsync(JobRun run, string key) => Retry!(run, key);
}
