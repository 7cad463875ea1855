using System.Net;
using CacheService.IntegrationTests.Api.Http;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Jobs;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Import;

/// <summary>The job <c>import</c>: files by upload and from watched folders, stopped and resumed, rejected rows tried again.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ImportJobTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("import-");
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        await _database.ExecuteAsync($"{ArtistTable.Create}; create table moma.country (name text primary key); insert into moma.country values ('American'); alter table moma.artist add foreign key (nationality) references moma.country");
        _service = await JobsHost.StartAsync(_database.ConnectionString, [], $"--Import:Directory={_folder.FullName}", "--Import:MaxFileBytes=400000");
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [SetUp]
    public Task Empty() => _database.ExecuteAsync("truncate moma.artist; drop schema if exists twimport cascade");

    [Test]
    public async Task Upload_WithARowThatRefersToNothing_IsIncompleteUntilThatIsThereAndItIsTriedAgain()
    {
        var run = await UploadAsync("artists.csv", [.. Enumerable.Range(1, 20).Select(id => ArtistTable.Line(id)), "21,Elf,,Elfish,,,,,"]);
        Assert.That((run.Run.State, run.Run.Numbers["inserted"], run.Run.Numbers["rejected"]), Is.EqualTo((JobRunState.Incomplete, 20L, 1L)), run.Run.Detail);
        Assert.That(run.Items.Select(item => (item.Key, item.State, item.Error)), Is.EqualTo(new[] { ("load 1 line 22", JobItemState.Failed, "nationality refers to a row of moma.country that there is not") }));
        Assert.That(run.Items[0].Before, Does.Contain("\"nationality\": \"Elfish\""));
        Assert.That(run.Outputs, Is.EqualTo(new[] { "artists.csv.rejects.csv" }));
        Assert.That(_folder.GetFiles("artists.csv", SearchOption.AllDirectories), Is.Empty, "the upload is not kept");

        var vain = await RetryAsync(run.Run.Id);
        Assert.That(vain.Run.State, Is.EqualTo(JobRunState.Incomplete));
        await _database.ExecuteAsync("insert into moma.country values ('Elfish')");
        Assert.That((await RetryAsync(run.Run.Id)).Run.State, Is.EqualTo(JobRunState.Succeeded));
        Assert.That((await _service.GetRunAsync(run.Run.Id)).FailedItems, Is.Zero);
        Assert.That(await _database.QueryAsync<string>("select name from moma.artist where nationality = 'Elfish'"), Is.EqualTo("Elf"));
        Assert.That(await _database.QueryAsync<long>("select rejected + inserted from twimport.load"), Is.EqualTo(21));
    }

    [Test]
    public async Task Upload_ThatIsTooLargeOrForNoTable_LeavesNothing()
    {
        var large = await PostAsync("large.csv", "into=moma.artist&key=constituentid", new string('x', 500_000));
        Assert.That(large.Code, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        Assert.That((await PostAsync("..%2Fx.csv", "into=moma.artist&key=constituentid", "x")).Code, Is.EqualTo(HttpStatusCode.BadRequest).Or.EqualTo(HttpStatusCode.NotFound));
        Assert.That(_folder.GetFiles("*.csv*", SearchOption.AllDirectories).Where(file => file.Name.Contains("large", StringComparison.Ordinal) || file.Name == "x.csv"), Is.Empty);

        var elsewhere = await _service.WaitForEndAsync(await _service.StartJobAsync("import", ("file", "../../../../etc/passwd"), ("into", "moma.artist"), ("key", "constituentid")));
        Assert.That((elsewhere.Run.State, elsewhere.Run.Detail.Contains("there is no file", StringComparison.Ordinal)), Is.EqualTo((JobRunState.Failed, true)));
        Assert.That((await UploadAsync("none.csv", [ArtistTable.Line(1)], "into=moma.nowhere&key=id")).Run.Detail, Does.Contain("there is no table moma.nowhere"));
    }

    /// <summary>Uploads go when they are imported. What is written as if it were one, and is not, stays, and all else does.</summary>
    [Test]
    public async Task File_BesideTheUploads_StaysWhateverItsNameLooksLike()
    {
        var uploads = _folder.CreateSubdirectory("uploads");
        var beside = Path.Combine(_folder.FullName, "beside.csv");
        await File.WriteAllLinesAsync(beside, [ArtistTable.Header, ArtistTable.Line(1)]);
        File.Copy(beside, Path.Combine(uploads.FullName, "in.csv"), overwrite: true);
        foreach (var name in new[] { "uploads/../beside.csv", "uploads/./in.csv", "beside.csv" })
        {
            var run = await _service.WaitForEndAsync(await _service.StartJobAsync("import", ("file", name), ("into", "moma.artist"), ("key", "constituentid")));
            Assert.That(run.Run.State, Is.EqualTo(JobRunState.Succeeded), run.Run.Detail);
        }

        Assert.That((File.Exists(beside), File.Exists(Path.Combine(uploads.FullName, "in.csv"))), Is.EqualTo((true, true)));
        File.CreateSymbolicLink(Path.Combine(_folder.FullName, "link.csv"), "/etc/passwd");
        var linked = await _service.WaitForEndAsync(await _service.StartJobAsync("import", ("file", "link.csv"), ("into", "moma.artist"), ("key", "constituentid")));
        Assert.That(linked.Run.Detail, Does.Contain("there is no file 'link.csv'"));
    }

    [Test]
    public async Task WatchedFolder_HasEachFileImportedOnceAndPutAside()
    {
        var watched = _folder.CreateSubdirectory("moma.artist@constituentid");
        foreach (var (name, bio, age) in new[] { ("may.csv", "may", 3), ("june.csv", "june", 2), ("odd.csv", "odd", 1) })
        {
            var path = Path.Combine(watched.FullName, name);
            await File.WriteAllLinesAsync(path, [name == "odd.csv" ? "id,what" : ArtistTable.Header, ArtistTable.Line(1, bio), ArtistTable.Line(2)]);
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow - TimeSpan.FromDays(age));
        }

        await File.WriteAllTextAsync(Path.Combine(watched.FullName, "growing.csv"), "constituentid,na");
        var run = await _service.WaitForEndAsync(await _service.StartJobAsync("import"));
        Assert.That(run.Items.Select(item => (item.Key, item.State)), Is.EquivalentTo(new[]
        {
            ("moma.artist@constituentid/may.csv", JobItemState.Done), ("moma.artist@constituentid/june.csv", JobItemState.Done), ("moma.artist@constituentid/odd.csv", JobItemState.Failed),
        }), run.Run.Detail);
        Assert.That(watched.GetFiles("*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(watched.FullName, file.FullName)), Is.EquivalentTo(new[] { "growing.csv", "done/may.csv", "done/june.csv", "failed/odd.csv" }));
        Assert.That(await _database.QueryAsync<string>("select bio from moma.artist where constituentid = 1"), Is.EqualTo("june"));

        await File.WriteAllLinesAsync(Path.Combine(watched.FullName, "failed", "odd.csv"), [ArtistTable.Header, ArtistTable.Line(1, "mended")]);
        Assert.That((await RetryAsync(run.Run.Id)).Run.State, Is.EqualTo(JobRunState.Succeeded));
        Assert.That(await _database.QueryAsync<string>("select bio from moma.artist where constituentid = 1"), Is.EqualTo("mended"));
        Assert.That(File.Exists(Path.Combine(watched.FullName, "done", "odd.csv")));
        watched.Delete(recursive: true);
    }

    [Test]
    public async Task Run_StoppedAndResumed_GoesOnWhereItWas()
    {
        var lines = Enumerable.Range(1, 3_000).Select(id => ArtistTable.Line(id)).ToList();
        var id = (await PostAsync("long.csv", "into=moma.artist&key=constituentid&max_load=0.02", string.Join('\n', lines.Prepend(ArtistTable.Header)))).Message<RunResponse>().Run.Id;
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from moma.artist") > 0, JobsHost.Patience, "some rows are merged");
        var stopped = (await _service.Jobs().StopRunAsync(new StopRunRequest { Id = id })).Run;
        Assert.That(stopped.State, Is.EqualTo(JobRunState.Stopped));
        Assert.That(await _database.QueryAsync<long>("select count(*) from moma.artist"), Is.LessThan(3_000));

        var resumed = await _service.WaitForEndAsync((await _service.Jobs().ResumeRunAsync(new ResumeRunRequest { Id = id })).Run.Id);
        Assert.That((resumed.Run.State, resumed.Run.Numbers["inserted"]), Is.EqualTo((JobRunState.Succeeded, 3_000L)), resumed.Run.Detail);
        Assert.That(await _database.QueryAsync<long>("select count(*) from twimport.load"), Is.EqualTo(1));
    }

    private async Task<GetRunResponse> RetryAsync(long id) => await _service.WaitForEndAsync((await _service.Jobs().RetryItemsAsync(new RetryItemsRequest { RunId = id })).Run.Id);

    private async Task<GetRunResponse> UploadAsync(string name, IEnumerable<string> lines, string query = "into=moma.artist&key=constituentid") =>
        await _service.WaitForEndAsync((await PostAsync(name, query, string.Join('\n', lines.Prepend(ArtistTable.Header)))).Message<RunResponse>().Run.Id);

    private Task<HttpAnswer> PostAsync(string name, string query, string text) => _service.PostAsync($"v1/imports/{name}?{query}", text);
}
