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
        await _database.ExecuteAsync(
            $"""
            {ArtistTable.Create}; create table moma.country (name text primary key); insert into moma.country values ('American');
            alter table moma.artist add foreign key (nationality) references moma.country
            """);
        _service = await JobsHost.StartAsync(_database.ConnectionString, [], $"--Import:Directory={_folder.FullName}/", "--Import:MaxFileBytes=400000");
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>Runs that a test has left under way, and its files, are no matter of the next one.</summary>
    [SetUp]
    public async Task Empty()
    {
        foreach (var run in (await _service.Jobs().ListRunsAsync(new ListRunsRequest())).Runs.Where(run => run.State == JobRunState.Running))
        {
            await _service.Jobs().CancelRunAsync(new StopRunRequest { Id = run.Id });
        }

        await _database.ExecuteAsync(
            """
            truncate moma.artist; drop schema if exists twimport cascade; drop trigger if exists hold on twjobs.run;
            update twjobs.job set paused_at = null, paused_by = null, paused_why = null where name = 'import'
            """);
        foreach (var watched in _folder.GetFileSystemInfos("*@*"))
        {
            if (watched is DirectoryInfo { LinkTarget: null } folder)
            {
                folder.Delete(recursive: true);
            }
            else
            {
                watched.Delete();
            }
        }
    }

    [Test]
    public async Task Upload_WithARowThatRefersToNothing_IsIncompleteUntilThatIsThereAndItIsTriedAgain()
    {
        var run = await UploadAsync("artists.csv", [.. Enumerable.Range(1, 20).Select(id => ArtistTable.Line(id)), "21,Elf,,Elfish,,,,,"]);
        Assert.That((run.Run.State, run.Run.Numbers["inserted"], run.Run.Numbers["rejected"]), Is.EqualTo((JobRunState.Incomplete, 20L, 1L)), run.Run.Detail);
        Assert.That(
            run.Items.Select(item => (item.Key, item.State, item.Error)),
            Is.EqualTo(new[] { ("load 1 line 22", JobItemState.Failed, "nationality refers to a row of moma.country that there is not") }));
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

        // Nor are links of folders followed.
        var elsewhere = Directory.CreateTempSubdirectory("elsewhere-");
        await WriteSettledAsync(Path.Combine(elsewhere.FullName, "a.csv"), days: 1, ArtistTable.Header, ArtistTable.Line(2));
        Directory.CreateSymbolicLink(Path.Combine(_folder.FullName, "moma.artist@constituentid"), elsewhere.FullName);
        linked = await _service.WaitForEndAsync(
            await _service.StartJobAsync("import", ("file", "moma.artist@constituentid/a.csv"), ("into", "moma.artist"), ("key", "constituentid")));
        Assert.That(linked.Run.Detail, Does.Contain("there is no file 'moma.artist@constituentid/a.csv'"));
        var watched = await _service.WaitForEndAsync(await _service.StartJobAsync("import"));
        Assert.That((watched.Run.State, watched.Items.Count), Is.EqualTo((JobRunState.Succeeded, 0)), watched.Run.Detail);
        elsewhere.Delete(recursive: true);
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

        var growing = Path.Combine(watched.FullName, "growing.csv");
        await File.WriteAllTextAsync(growing, "constituentid,na");
        File.SetLastWriteTimeUtc(growing, DateTime.UtcNow + TimeSpan.FromHours(1));
        var run = await _service.WaitForEndAsync(await _service.StartJobAsync("import"));
        Assert.That(run.Items.Select(item => (item.Key, item.State)), Is.EquivalentTo(new[]
        {
            ("moma.artist@constituentid/may.csv", JobItemState.Done), ("moma.artist@constituentid/june.csv", JobItemState.Done), ("moma.artist@constituentid/odd.csv", JobItemState.Failed),
        }), run.Run.Detail);
        Assert.That(
            watched.GetFiles("*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(watched.FullName, file.FullName)),
            Is.EquivalentTo(new[] { "growing.csv", "done/may.csv", "done/june.csv", "failed/odd.csv" }));
        Assert.That(await _database.QueryAsync<string>("select bio from moma.artist where constituentid = 1"), Is.EqualTo("june"));

        await File.WriteAllLinesAsync(Path.Combine(watched.FullName, "failed", "odd.csv"), [ArtistTable.Header, ArtistTable.Line(1, "mended")]);
        Assert.That((await RetryAsync(run.Run.Id)).Run.State, Is.EqualTo(JobRunState.Succeeded));
        Assert.That(await _database.QueryAsync<string>("select bio from moma.artist where constituentid = 1"), Is.EqualTo("mended"));
        Assert.That(File.Exists(Path.Combine(watched.FullName, "done", "odd.csv")));
    }

    [Test]
    public async Task Run_StoppedAndResumed_GoesOnWhereItWas()
    {
        await using var other = await _database.OpenAsync();
        await ArtistTable.HoldAsync(other, id: 2_000);
        var id = await StartAsync("long.csv", rows: 3_000);
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from moma.artist") > 0, JobsHost.Patience, "some rows are merged");
        var stopped = (await _service.Jobs().StopRunAsync(new StopRunRequest { Id = id })).Run;
        Assert.That(stopped.State, Is.EqualTo(JobRunState.Stopped));
        Assert.That(await _database.QueryAsync<long>("select count(*) from moma.artist"), Is.LessThan(2_000));

        await other.ExecuteAsync("rollback");
        var resumed = await _service.WaitForEndAsync((await _service.Jobs().ResumeRunAsync(new ResumeRunRequest { Id = id })).Run.Id);
        Assert.That((resumed.Run.State, resumed.Run.Numbers["inserted"]), Is.EqualTo((JobRunState.Succeeded, 3_000L)), resumed.Run.Detail);
        Assert.That(await _database.QueryAsync<long>("select count(*) from twimport.load"), Is.EqualTo(1));
    }

    /// <summary>What is wrong with one table is told of its file, and the other tables' files are merged.</summary>
    [Test]
    public async Task WatchedFolders_OfWhichOneTableIsBad_HaveTheOthersImported()
    {
        await _database.ExecuteAsync(
            """
            create function moma.fails(int) returns bool language plpgsql immutable as $$ begin execute 'select nothing'; return true; end $$;
            create table moma.bad (id int primary key, at int check (moma.fails(at)))
            """);
        var bad = _folder.CreateSubdirectory("moma.bad@id");
        var good = _folder.CreateSubdirectory("moma.artist@constituentid");
        await WriteSettledAsync(Path.Combine(bad.FullName, "bad.csv"), days: 2, "id,at", "1,1");
        await WriteSettledAsync(Path.Combine(good.FullName, "good.csv"), days: 1, ArtistTable.Header, ArtistTable.Line(1));
        var run = await _service.WaitForEndAsync(await _service.StartJobAsync("import"));
        Assert.That(
            run.Items.Select(item => (item.Key, item.State)),
            Is.EquivalentTo(new[] { ("moma.bad@id/bad.csv", JobItemState.Failed), ("moma.artist@constituentid/good.csv", JobItemState.Done) }),
            run.Run.Detail);
        Assert.That(run.Items.Single(item => item.State == JobItemState.Failed).Error, Does.Contain("bad.csv, into moma.bad: ").And.Contain("column \"nothing\" does not exist"));
    }

    /// <summary>A file that takes the place of the one that is imported is not put aside with it.</summary>
    [Test]
    public async Task WatchedFile_ThatIsReplacedWhileItIsImported_IsImportedNext()
    {
        var watched = _folder.CreateSubdirectory("moma.artist@constituentid");
        var path = Path.Combine(watched.FullName, "a.csv");
        await _database.ExecuteAsync("insert into moma.artist (constituentid, name) values (1, 'before')");
        await WriteSettledAsync(path, days: 2, ArtistTable.Header, ArtistTable.Line(1, "first"), ArtistTable.Line(2, "first"));
        await using var other = await _database.OpenAsync();
        await other.ExecuteAsync("begin; update moma.artist set name = 'locked' where constituentid = 1");
        var id = await _service.StartJobAsync("import");
        await Wait.UntilAsync(async () => await _database.QueryAsync<bool>("select to_regclass('twimport.load') is not null")
            && await _database.QueryAsync<bool>("select exists (select from twimport.load where state = 'merging')"), JobsHost.Patience, "it is merged");
        await WriteSettledAsync(path, days: 1, ArtistTable.Header, ArtistTable.Line(1, "second"));
        await other.ExecuteAsync("commit");
        var run = await _service.WaitForEndAsync(id);
        Assert.That((run.Run.State, File.Exists(path)), Is.EqualTo((JobRunState.Succeeded, true)), run.Run.Detail);
        Assert.That(run.Log.Select(line => line.Text), Has.Some.Contain("was replaced while it was imported"));

        await _service.WaitForEndAsync(await _service.StartJobAsync("import"));
        Assert.That(await _database.QueryAsync<string>("select string_agg(bio, ' ' order by constituentid) from moma.artist"), Is.EqualTo("second first"));
        Assert.That(File.Exists(path), Is.False);
    }

    /// <summary>A run that gets on is resumed however often it is lost.</summary>
    [Test]
    public async Task Run_LostFourTimesOnItsWay_IsResumedEachTime()
    {
        const int Between = 800;
        await using var one = await _database.OpenAsync();
        await using var two = await _database.OpenAsync();
        await ArtistTable.HoldAsync(one, Between);
        var id = await StartAsync("often.csv", rows: 4_000);
        var first = id;
        for (var loss = 1; loss <= 4; loss++)
        {
            var before = (loss - 1) * Between;
            var merged = 0L;
            await Wait.UntilAsync(async () => (merged = await _database.QueryAsync<long>("select count(*) from moma.artist")) > before, JobsHost.Patience, "it gets on");
            Assert.That(merged, Is.LessThan(loss * Between));
            await LoseAsync(id);
            id = await WaitForFollowerToBeginAsync(id);
            // The next one is held before this one is let go.
            var (holder, next) = loss % 2 == 1 ? (one, two) : (two, one);
            await ArtistTable.HoldAsync(next, (loss + 1) * Between);
            await holder.ExecuteAsync("rollback");
        }

        await one.ExecuteAsync("rollback");
        var run = await _service.WaitForEndAsync(id);
        Assert.That((run.Run.State, run.Run.Numbers["inserted"], run.Run.Numbers["read"]), Is.EqualTo((JobRunState.Succeeded, 4_000L, 4_000L)), run.Run.Detail);
        Assert.That((await _service.GetRunAsync(first)).Run.State, Is.EqualTo(JobRunState.Lost));
        Assert.That(_folder.GetFiles("often.csv", SearchOption.AllDirectories), Is.Empty);
    }

    /// <summary>A run that is lost after it has told what came of a file does not import it, nor count it, a second time.</summary>
    [Test]
    public async Task Run_LostBetweenItsLastBatchAndItsEnd_CountsOnce()
    {
        await _database.ExecuteAsync(
            """
            create or replace function moma.hold() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(77); return new; end $$;
            create trigger hold before update on twjobs.run for each row when (new.state = 'succeeded') execute function moma.hold()
            """);
        await using var holder = await _database.OpenAsync();
        await holder.ExecuteAsync("select pg_advisory_lock(77)");
        var watched = _folder.CreateSubdirectory("moma.artist@constituentid");
        await WriteSettledAsync(Path.Combine(watched.FullName, "a.csv"), days: 1, ArtistTable.Header, ArtistTable.Line(1), ArtistTable.Line(2));
        // As if it had been killed before it could move the file.
        var done = Path.Combine(watched.FullName, "done", "a.csv");
        var id = await _service.StartJobAsync("import");
        await Wait.UntilAsync(
            async () => await _database.QueryAsync<bool>("select exists (select from pg_locks where locktype = 'advisory' and objid = 77 and not granted)"), JobsHost.Patience, "it is about to end");
        File.Move(done, Path.Combine(watched.FullName, "a.csv"));
        await LoseAsync(id);
        await holder.ExecuteAsync("select pg_advisory_unlock(77)");
        var run = await _service.WaitForFollowerAsync(id);
        Assert.That((run.Run.State, run.Run.Numbers["read"], run.Run.Numbers["inserted"], run.Run.Numbers["same"]), Is.EqualTo((JobRunState.Succeeded, 2L, 2L, 0L)), run.Run.Detail);
        Assert.That((File.Exists(done), await _database.QueryAsync<long>("select count(*) from twimport.load")), Is.EqualTo((true, 1L)));
    }

    [Test]
    public async Task Retry_BesideAnImportIntoTheSameTable_IsRefusedUntilThatHasEnded()
    {
        var run = await UploadAsync("artists.csv", [ArtistTable.Line(1), "2,Elf,,Dwarfish,,,,,"]);
        await _database.ExecuteAsync("insert into moma.country values ('Dwarfish')");
        await using var other = await _database.OpenAsync();
        await other.ExecuteAsync("select pg_advisory_lock(1953, 'moma.artist'::regclass::oid::int)");
        Assert.That((await RetryAsync(run.Run.Id)).Run.State, Is.EqualTo(JobRunState.Incomplete));
        Assert.That((await _service.GetRunAsync(run.Run.Id)).Items.Single().Error, Does.Contain("an import into moma.artist is under way"));
        await other.ExecuteAsync("select pg_advisory_unlock_all()");
        Assert.That((await RetryAsync(run.Run.Id)).Run.State, Is.EqualTo(JobRunState.Succeeded));
    }

    /// <summary>The service's sessions look for nothing outside of PostgreSQL's own schema: keys are compared as their index compares them all the same.</summary>
    [TestCase("citext", "Alpha", "ALPHA")]
    [TestCase("ltree", "a.b", "a.b")]
    public async Task Upload_WithAKeyOfATypeOfAnExtension_FindsItsRows(string type, string before, string inFile)
    {
        await _database.ExecuteAsync(
            $"""
            create extension if not exists {type}; drop table if exists moma.work, moma.tag;
            create table moma.tag (name {type} primary key, note text); insert into moma.tag values ('{before}', 'old');
            create table moma.work (id int primary key, tag {type} references moma.tag)
            """);
        var run = await _service.WaitForEndAsync((await PostAsync("tags.csv", "into=moma.tag&key=name", $"name,note\n{inFile},new\nbeta,new\n")).Message<RunResponse>().Run.Id);
        Assert.That((run.Run.State, run.Run.Numbers["updated"], run.Run.Numbers["inserted"]), Is.EqualTo((JobRunState.Succeeded, 1L, 1L)), run.Run.Detail);
        Assert.That(await _database.QueryAsync<string>("select string_agg(name::text || note, ' ' order by name::text) from moma.tag"), Is.EqualTo($"{before}new betanew"));

        var works = await _service.WaitForEndAsync((await PostAsync("works.csv", "into=moma.work&key=id", $"id,tag\n1,{inFile}\n2,gamma\n")).Message<RunResponse>().Run.Id);
        Assert.That((works.Run.Numbers["inserted"], works.Run.Numbers["rejected"]), Is.EqualTo((1L, 1L)), works.Run.Detail);
    }

    /// <summary>What can be known before a file has come is said before: its sender would send all of it in vain.</summary>
    [Test]
    public async Task Upload_ThatIsRefused_IsRefusedBeforeItHasCome()
    {
        await AssertRefusedAsync("into=moma.artist", HttpStatusCode.BadRequest, "say into which table, and by which key");
        await AssertRefusedAsync("into=moma.artist&key=constituentid&as_of=1/2/2017", HttpStatusCode.BadRequest, "as_of is '1/2/2017'");
        await AssertRefusedAsync("into=moma.artist&key=constituentid&max_load=2", HttpStatusCode.BadRequest, "max_load is '2'");
        await AssertRefusedAsync("into=moma.artist&key=constituentid&separator=%C2%A7", HttpStatusCode.BadRequest, "write one character of ASCII");
        await _service.Jobs().PauseJobAsync(new PauseJobRequest { Job = "import", Reason = "holidays" });
        await AssertRefusedAsync("into=moma.artist&key=constituentid", null, "holidays");
        await _service.Jobs().UnpauseJobAsync(new UnpauseJobRequest { Job = "import" });
        Assert.That(_folder.GetFiles("endless.csv*", SearchOption.AllDirectories), Is.Empty);
    }

    /// <summary>Of two uploads that one wins whose sender says that it is the later one, whichever comes first.</summary>
    [Test]
    public async Task Uploads_HaveTheDateThatTheirSenderSays()
    {
        await UploadAsync("june.csv", [ArtistTable.Line(1, "june")], "into=moma.artist&key=constituentid&as_of=2017-06-01T10:00:00Z");
        var may = await UploadAsync("may.csv", [ArtistTable.Line(1, "may")], "into=moma.artist&key=constituentid&as_of=2017-05-01");
        Assert.That(may.Run.Numbers["superseded"], Is.EqualTo(1), may.Run.Detail);
        Assert.That(await _database.QueryAsync<string>("select bio from moma.artist"), Is.EqualTo("june"));
    }

    private async Task AssertRefusedAsync(string query, HttpStatusCode? code, string words)
    {
        using var handler = new SocketsHttpHandler { Expect100ContinueTimeout = JobsHost.Patience };
        using var client = new HttpClient(handler) { Timeout = JobsHost.Patience };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_service.HttpAddress, $"v1/imports/endless.csv?{query}")) { Content = new EndlessContent() };
        request.Headers.ExpectContinue = true;
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain(words));
        Assert.That(answer.StatusCode, code is null ? Is.Not.EqualTo(HttpStatusCode.OK) : Is.EqualTo(code));
    }

    private static async Task WriteSettledAsync(string path, int days, params string[] lines)
    {
        await File.WriteAllLinesAsync(path, lines);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow - TimeSpan.FromDays(days));
    }

    /// <summary>Sends a file of artists, and does not wait until it is imported.</summary>
    private async Task<long> StartAsync(string name, int rows) => (await PostAsync(
        name, "into=moma.artist&key=constituentid&max_load=1", string.Join('\n', Enumerable.Range(1, rows).Select(id => ArtistTable.Line(id)).Prepend(ArtistTable.Header))))
        .Message<RunResponse>().Run.Id;

    private Task LoseAsync(long run) => _database.ExecuteAsync($"select pg_terminate_backend(backend) from twjobs.run where runid = {run}");

    private async Task<long> WaitForFollowerToBeginAsync(long run)
    {
        await Wait.UntilAsync(async () => await _database.QueryAsync<long>($"select count(*) from twjobs.run where of_run = {run}") == 1, JobsHost.Patience, $"run {run} is resumed");
        return await _database.QueryAsync<long>($"select runid from twjobs.run where of_run = {run}");
    }

    private async Task<GetRunResponse> RetryAsync(long id) => await _service.WaitForEndAsync((await _service.Jobs().RetryItemsAsync(new RetryItemsRequest { RunId = id })).Run.Id);

    private async Task<GetRunResponse> UploadAsync(string name, IEnumerable<string> lines, string query = "into=moma.artist&key=constituentid") =>
        await _service.WaitForEndAsync((await PostAsync(name, query, string.Join('\n', lines.Prepend(ArtistTable.Header)))).Message<RunResponse>().Run.Id);

    private Task<HttpAnswer> PostAsync(string name, string query, string text) => _service.PostAsync($"v1/imports/{name}?{query}", text);

    /// <summary>A file that has begun to come, and does not end.</summary>
    private sealed class EndlessContent : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync("constituentid,name\n"u8.ToArray(), cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
