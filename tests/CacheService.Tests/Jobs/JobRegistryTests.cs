using CacheService.Jobs;

namespace CacheService.Tests.Jobs;

internal sealed class JobRegistryTests
{
    [TestCase("Refresh", null, "no name for a job")]
    [TestCase("", null, "no name for a job")]
    [TestCase("refresh views", null, "no name for a job")]
    [TestCase("refresh", "often", "is no schedule")]
    public void Registry_WithAJobThatCannotBe_IsNotMade(string name, string? schedule, string words) =>
        Assert.That(Assert.Catch(() => new JobRegistry([new NamedJob(name, schedule)]))!.Message, Does.Contain(words));

    [Test]
    public void Registry_WithTwoOfOneName_IsNotMade() => Assert.Catch(() => new JobRegistry([new NamedJob("refresh", null), new NamedJob("refresh", null)]));

    [Test]
    public void RequireKnown_OfAParameterThatIsNone_IsRefusedWithThoseThatAre() =>
        Assert.That(Assert.Throws<JobRefusedException>(() => JobRegistry.RequireKnown(new NamedJob("refresh", null), ["colour"]))!.Message, Is.EqualTo("refresh has no parameter 'colour'; it has views, pace"));

    private sealed class NamedJob(string name, string? schedule) : Job
    {
        public override string Name => name;

        public override string Description => "Does nothing.";

        public override string? Schedule => schedule;

        public override IReadOnlyList<JobParameter> Parameters => [new("views", "Which."), new("pace", "How fast.")];

        public override Task RunAsync(JobRun run) => Task.CompletedTask;
    }
}
