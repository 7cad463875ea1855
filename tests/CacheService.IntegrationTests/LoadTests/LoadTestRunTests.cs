using System.Text.Json;
using CacheService.LoadTests;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reporting;
using CacheService.LoadTests.Startup;

namespace CacheService.IntegrationTests.LoadTests;

/// <summary>The load test itself, with sizes so small that its figures mean nothing: whether it runs, reports, and finds a wrong cache.</summary>
// Beside other fixtures: its figures mean nothing anyway.
[Parallelizable(ParallelScope.Self)]
internal sealed class LoadTestRunTests
{
    private static readonly LoadTestOptions Tiny = new()
    {
        Parts = PartNames.All,
        Round = TimeSpan.FromSeconds(0.05),
        // pgbench would take two seconds for each of nine candidates.
        WarmUp = TimeSpan.Zero,
        Rounds = 1,
        Messages = 50,
        Rows = 4,
        ManyRowsMessages = 5,
        ManyRows = 20,
        Callers = [1, 4],
        Writers = [2],
        BulkRows = 500,
        Rates = [10, 200],
        Streams = [3],
        KeyStreams = [5],
        BulkChanges = 2_000,
        LoadSizes = [2_000],
        Kills = 1,
        SeriesWorkers = 4,
        SeriesRetweets = [5],
        HeldFor = TimeSpan.FromSeconds(0.1),
    };

    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("loadtest-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Run_OfAllParts_MeasuresAndFindsNothingWrong()
    {
        var (exitCode, output) = await RunAsync(Tiny with { Published = AppContext.BaseDirectory });

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain(StartupPart.Built).And.Contain(StartupPart.Published));
        using var json = ReadJson();
        Assert.That(json.RootElement.GetProperty("isVoid").GetBoolean(), Is.False);
        Assert.That(json.RootElement.GetProperty("goals").GetArrayLength(), Is.EqualTo(42));
        var parts = json.RootElement.GetProperty("parts").EnumerateArray().ToList();
        Assert.That(parts.Select(part => part.GetProperty("name").GetString()), Is.EqualTo(PartNames.All));
        foreach (var part in parts)
        {
            var name = part.GetProperty("name").GetString();
            var notRun = part.GetProperty("notRun").EnumerateArray().Select(reason => reason.GetString()).ToList();
            Assert.That(notRun, Is.All.Contain("missing"), name);
            Assert.That(part.GetProperty("scenarios").GetArrayLength() > 0 || notRun.Count > 0, Is.True, name);
            Assert.That(part.GetProperty("compared").GetInt64() > 0 || notRun.Count > 0, Is.True, name);
        }

        // What a missing program keeps from running is said wherever the results are read.
        var isAnythingLeftOut = parts.Any(part => part.GetProperty("notRun").GetArrayLength() > 0);
        Assert.That(output.Contains("NOT RUN", StringComparison.Ordinal), Is.EqualTo(isAnythingLeftOut));
        Assert.That(ReadPage().Contains("Not run", StringComparison.Ordinal), Is.EqualTo(isAnythingLeftOut));

        Assert.That(ReadPage(), Does.Contain("<svg").And.Contain("The cache equalled the view").And.Not.Contain("://"), "it needs no other file");
    }

    [TestCase(PartNames.Reads)]
    [TestCase(PartNames.Series)]
    public async Task Run_WithAWrongCache_IsVoidInAllReports(string part)
    {
        var (exitCode, output) = await RunAsync(Tiny with { Parts = [part], Callers = [1] }, database => database.ExecuteAsync(
            // A change that the change log does not have.
            "begin; insert into tweet.activity (messageid, action) values (3, 'rt'); delete from twcache.change where xid = pg_current_xact_id(); commit", CancellationToken.None));

        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain("THIS RUN IS VOID").And.Contain("message 3: the cache says"));
        using var json = ReadJson();
        Assert.That(json.RootElement.GetProperty("isVoid").GetBoolean(), Is.True);
        Assert.That(ReadPage(), Does.Contain("This run is void").And.Not.Contain("The cache equalled the view"));
    }

    [Test]
    public async Task Run_ThatFailsInALaterPart_HasReportedTheEarlierOnes()
    {
        await using var output = new StringWriter();
        var run = new LoadTestRun(
            Tiny with { Parts = [PartNames.Apply, PartNames.Startup], Output = _folder }, OutputConsole.Plain(output),
            _ => Directory.GetFiles(_folder).Length == 0 ? Task.CompletedTask : throw new LoadTestException("enough"));

        await Assert.ThrowsAsync<LoadTestException>(() => run.RunAsync(CancellationToken.None));

        Assert.That(run.Files, Is.EquivalentTo(Directory.GetFiles(_folder)));
        using var json = ReadJson();
        Assert.That(json.RootElement.GetProperty("parts").EnumerateArray().Select(part => part.GetProperty("name").GetString()), Is.EqualTo(new[] { PartNames.Apply }));
        Assert.That(ReadPage(), Does.Contain("Not run: startup: the run ended before it did"));
    }

    [Test]
    public async Task Run_WithAFileWhereItsReportBelongs_SaysSoAtOnce()
    {
        var file = Path.Combine(_folder, "taken");
        await File.WriteAllTextAsync(file, "");
        await using var output = new StringWriter();

        var error = await Assert.ThrowsAsync<LoadTestException>(() => new LoadTestRun(Tiny with { Output = file }, OutputConsole.Plain(output)).RunAsync(CancellationToken.None));

        Assert.That(error!.Message, Does.Contain(file).And.Contain("--output"));
        Assert.That(output.ToString(), Is.Empty);
    }

    [Test]
    public async Task Run_OfAFolderWithoutTheService_SaysSoAtOnce()
    {
        await using var output = new StringWriter();

        var error = await Assert.ThrowsAsync<LoadTestException>(() => new LoadTestRun(Tiny with { Published = _folder, Output = _folder }, OutputConsole.Plain(output)).RunAsync(CancellationToken.None));

        Assert.That(error!.Message, Does.StartWith($"--published {_folder} has no program CacheService"));
        Assert.That(output.ToString(), Is.Empty);
    }

    private async Task<(int ExitCode, string Output)> RunAsync(LoadTestOptions options, Func<LoadDatabase, Task>? beforeComparison = null)
    {
        await using var output = new StringWriter();
        var exitCode = await new LoadTestRun(options with { Output = _folder }, OutputConsole.Plain(output), beforeComparison).RunAsync(CancellationToken.None);
        return (exitCode, output.ToString());
    }

    private JsonDocument ReadJson() => JsonDocument.Parse(File.ReadAllText(Directory.GetFiles(_folder, "*.json").Single()));

    private string ReadPage() => File.ReadAllText(Directory.GetFiles(_folder, "*.html").Single());
}
