using CacheService.Import;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Import;

/// <summary>Imports that are killed, lose their session, or whose table becomes another one.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class KilledImportTests
{
    private const string Turns =
        "from pg_locks where locktype = 'advisory' and classid = 1953 and database = (select oid from pg_database where datname = current_database())";

    private ArtistTable _artists = null!;

    [SetUp]
    public async Task CreateTable() => _artists = await ArtistTable.CreateAsync();

    [TearDown]
    public async Task DropTable() => await _artists.DisposeAsync();

    [Test]
    public async Task Import_KilledThreeTimes_ComesToTheSameAsInOneGo()
    {
        var all = _artists.Write("all.csv", Enumerable.Range(1, 5_000).Select(id => ArtistTable.Line(id)));
        // From 500 on, a third changed, 800 new, one that cannot be taken.
        var changed = _artists.Write(
            "changed.csv", [.. Enumerable.Range(500, 5_300).Select(id => id % 3 == 0 ? ArtistTable.Line(id, "changed") : ArtistTable.Line(id)), "x,Odd,,,,,,,"]);
        await _artists.ImportAsync(all);
        var once = await _artists.ImportAsync(changed);
        var expected = await _artists.ContentAsync();
        await _artists.Database.ExecuteAsync("drop schema twimport cascade; truncate moma.artist");
        await _artists.ImportAsync(all);

        string[] args = ["import", changed, "--into", "moma.artist", "--key", "constituentid", "--connection", _artists.Database.ConnectionString, "--max-load", "1"];
        var place = 0L;
        // Of those that are changed.
        foreach (var held in new[] { 1_998, 3_498, 4_998 })
        {
            await using var other = await _artists.Database.OpenAsync();
            await ArtistTable.HoldAsync(other, held);
            using var tool = new ToolProcess(args);
            var before = place;
            await Wait.UntilAsync(
                async () => (place = await _artists.Database.QueryAsync<long>("select coalesce(max(place), 0) from twimport.load where file = 'changed.csv'")) > before,
                RunningService.Patience,
                "it gets on");
            await tool.KillAsync();
            await Wait.UntilAsync(
                async () => await _artists.Database.QueryAsync<long>($"select count(*) {Turns}") == 0, RunningService.Patience, "its session has ended");
            place = await _artists.Database.QueryAsync<long>("select place from twimport.load where file = 'changed.csv'");
            // The file begins with 500, on its second line.
            Assert.That(place, Is.LessThan(held - 498), "it was killed on the way");
        }

        var last = await _artists.ImportAsync(changed);
        Assert.That(last.OutputLines[0], Does.EndWith("done, from where it was"));
        Assert.That(last.OutputLines[1], Is.EqualTo(once.OutputLines[1]));
        Assert.That(await _artists.ContentAsync(), Is.EqualTo(expected));
        Assert.That(
            await _artists.Database.QueryAsync<bool>(
                """
                select count(*) = (select updated + inserted from twimport.load where file = 'changed.csv') and count(*) = count(distinct after ->> 'constituentid')
                  from twimport.change where loadid = 2
                """),
            "each change is kept once");
    }

    [Test]
    public async Task Import_ThatLosesItsSession_FailsAndGoesOnWhenItIsStartedAgain()
    {
        var file = _artists.Write("all.csv", Enumerable.Range(1, 3_000).Select(id => ArtistTable.Line(id)));
        await using var other = await _artists.Database.OpenAsync();
        await ArtistTable.HoldAsync(other, id: 1_500);
        var import = _artists.ImportAsync(file);
        await _artists.WaitUntilMergingAsync();
        await _artists.Database.ExecuteAsync($"select pg_terminate_backend(pid) {Turns}");
        var killed = await import;
        await other.ExecuteAsync("rollback");
        Assert.That((killed.ExitCode, killed.Output), Is.EqualTo((1, "")));
        var place = await _artists.Database.QueryAsync<long>("select place from twimport.load");
        Assert.That(place, Is.LessThanOrEqualTo(1_500));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(place - 1), "the place is that of the rows");

        var run = await _artists.ImportAsync(file);
        Assert.That(run.OutputLines, Has.Exactly(1).EndsWith("done, from where it was"), run.Error);
        Assert.That(run.OutputLines[1], Does.StartWith("read 3000, same 0, updated 0, inserted 3000,"));
    }

    [Test]
    public async Task Import_WhoseStagedRowsACrashHasTaken_StagesThemAgainAndGoesOn()
    {
        var file = _artists.Write("all.csv", Enumerable.Range(1, 1_000).Select(id => ArtistTable.Line(id)));
        await _artists.ImportAsync(file);
        // As after a crash of the server in the middle.
        await _artists.Database.ExecuteAsync("truncate twimport.stage_1; update twimport.load set state = 'merging', place = 501, inserted = 500; delete from moma.artist where constituentid > 500");
        var run = await _artists.ImportAsync(file);
        Assert.That(run.OutputLines[1], Does.StartWith("read 1000, same 0, updated 0, inserted 1000,"), run.Error);
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(1_000));

        // Killed while it was staged again: that is begun anew, and no row is lost.
        await _artists.Database.ExecuteAsync(
            """
            update twimport.load set state = 'merging', place = 501, inserted = 500, is_staged = false; delete from twimport.stage_1 where import_line > 700;
            delete from moma.artist where constituentid > 500
            """);
        run = await _artists.ImportAsync(file);
        Assert.That(run.OutputLines[1], Does.StartWith("read 1000, same 0, updated 0, inserted 1000,"), run.Error);
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(1_000));

        // An older file then cannot know what a newer one had.
        await _artists.Database.ExecuteAsync("truncate twimport.stage_1");
        var older = await _artists.ImportAsync(_artists.Write("older.csv", ArtistTable.Line(1, "older")), "--as-of", "2000-01-01");
        Assert.That((older.ExitCode, older.Error.Contains("which rows it had is not kept any more", StringComparison.Ordinal)), Is.EqualTo((1, true)), older.Error);
    }

    [Test]
    public async Task Import_WhoseTableIsReplaced_SaysSoAndTouchesNothingOfTheOther()
    {
        var file = _artists.Write("all.csv", Enumerable.Range(1, 3_000).Select(id => ArtistTable.Line(id)));
        await using var other = await _artists.Database.OpenAsync();
        await ArtistTable.HoldAsync(other, id: 1_500);
        var import = _artists.ImportAsync(file);
        await _artists.WaitUntilMergingAsync();
        await other.ExecuteAsync("alter table moma.artist rename to former; create table moma.artist (like moma.former including all); commit");
        var run = await import;
        Assert.That((run.ExitCode, run.Error.Contains("replaced by another one", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.Zero);

        var again = await _artists.ImportAsync(file);
        Assert.That(again.OutputLines[1], Does.StartWith("read 3000, same 0, updated 0, inserted 3000,"), again.Error);
    }

    /// <summary>What ends a load and what tells of it are one: whoever is killed between the last row and the end is told the same the next time.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public async Task Import_KilledBeforeItHasToldWhatCameOfIt_TellsTheSameTheNextTime(bool rejects)
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 100).Select(id => ArtistTable.Line(id))), "--as-of", "2017-05-01");
        var lines = Enumerable.Range(1, 95).Select(id => ArtistTable.Line(id, id > 90 ? "changed" : null)).Append(ArtistTable.Line(101));
        var file = _artists.Write("fewer.csv", rejects ? lines.Append("x,Odd,,,,,,,") : lines);
        await using var connection = await _artists.Database.OpenAsync();
        var order = ArtistTable.OrderOf(file) with { DeleteMissing = true, AsOf = new DateTimeOffset(2017, 6, 1, 0, 0, 0, TimeSpan.Zero) };
        Task<ImportSummary> RunAsync(Func<ImportSummary, Task> report) =>
            new Importer(new ConnectionSession(connection), order, askService: null, TimeProvider.System, _ => { }, report).RunAsync(CancellationToken.None);

        ImportSummary? first = null;
        Assert.That(
            () => RunAsync(summary =>
            {
                first = summary;
                throw new NotSupportedException("killed");
            }),
            Throws.TypeOf<NotSupportedException>());
        var second = await RunAsync(_ => Task.CompletedTask);
        Assert.That((second.Read, second.Same, second.Updated, second.Inserted, second.Deleted, second.Rejected), Is.EqualTo(rejects ? (97, 90, 5, 1, 0, 1) : (96L, 90L, 5L, 1L, 5L, 0L)));
        Assert.That(second with { IsResumed = false, Columns = [], Rejects = [] }, Is.EqualTo(first! with { Columns = [], Rejects = [] }));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from twimport.load"), Is.EqualTo(2));
    }

    [Test]
    public async Task Import_KilledWhileItDeletes_TellsWhatItCannotDeleteOnce()
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 100).Select(id => ArtistTable.Line(id))));
        await _artists.Database.ExecuteAsync("create table moma.work (artist int references moma.artist); insert into moma.work values (99)");
        var file = _artists.Write("fewer.csv", Enumerable.Range(1, 95).Select(id => ArtistTable.Line(id)));
        await _artists.ImportAsync(file, "--delete-missing");
        await _artists.Database.ExecuteAsync("update twimport.load set state = 'deleting' where loadid = 2");
        var run = await _artists.ImportAsync(file, "--delete-missing");
        Assert.That(run.OutputLines[1], Is.EqualTo("read 95, same 95, updated 0, inserted 0, deleted 4, superseded 0, rejected 1"), run.Error);
    }

    /// <summary>The list of what the file lacks is made though somebody has locked the table for longer than a lock is waited for.</summary>
    [Test]
    public async Task Import_ThatDeletesFromATableThatIsLocked_TriesAgain()
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 100).Select(id => ArtistTable.Line(id))));
        var file = _artists.Write("fewer.csv", Enumerable.Range(1, 95).Select(id => ArtistTable.Line(id)));
        await _artists.ImportAsync(file, "--delete-missing");
        await _artists.Database.ExecuteAsync("update twimport.load set state = 'deleting', deleted = 0 where loadid = 2; insert into moma.artist (constituentid, name) values (200, 'Late')");
        await using var other = await _artists.Database.OpenAsync();
        await other.ExecuteAsync("begin; lock table moma.artist in access exclusive mode");
        var import = _artists.ImportAsync(file, "--delete-missing");
        await Wait.UntilAsync(_artists.IsLockedAsync, RunningService.Patience, "it waits");
        await Wait.UntilAsync(async () => !await _artists.IsLockedAsync(), RunningService.Patience, "it gives way");
        await Wait.UntilAsync(async () => import.IsCompleted || await _artists.IsLockedAsync(), RunningService.Patience, "it tries again");
        await other.ExecuteAsync("commit");
        var run = await import;
        Assert.That(run.OutputLines.ElementAtOrDefault(1), Does.Contain("deleted 1,"), run.Error);
    }

    /// <summary>Nor does it matter to what is copied, where its table is locked for longer than that.</summary>
    [Test]
    public async Task Import_WhoseOwnTableIsLockedWhileTheFileIsCopied_TriesAgain()
    {
        var file = _artists.Write("all.csv", Enumerable.Range(1, 5_000).Select(id => ArtistTable.Line(id)));
        await using var connection = await _artists.Database.OpenAsync();
        await using var other = await _artists.Database.OpenAsync();
        Task? release = null;
        void Tell(string progress)
        {
            if (release is null && progress.Contains("rows read", StringComparison.Ordinal))
            {
                using var take = new NpgsqlCommand("begin; lock table twimport.stage_1 in access exclusive mode", other);
                take.ExecuteNonQuery();
                release = ReleaseAsync();
            }
        }

        async Task ReleaseAsync()
        {
            await Wait.UntilAsync(_artists.IsLockedAsync, RunningService.Patience, "it waits");
            await Wait.UntilAsync(async () => !await _artists.IsLockedAsync(), RunningService.Patience, "it gives way");
            await other.ExecuteAsync("commit");
        }

        var summary = await new Importer(
            new ConnectionSession(connection), ArtistTable.OrderOf(file), askService: null, TimeProvider.System, Tell, _ => Task.CompletedTask).RunAsync(CancellationToken.None);
        await release!;
        Assert.That(summary.Inserted, Is.EqualTo(5_000));
    }

    /// <summary>A dump reads all tables for as long as it takes, those of earlier imports too: nobody waits for it, and what it reads is dropped by a later import.</summary>
    [Test]
    public async Task Import_BesideADump_LeavesWhatThatReadsToALaterOne()
    {
        Task<Tool.ToolRun> ImportAsync(int day) =>
            _artists.ImportAsync(_artists.Write($"{day}.csv", ArtistTable.Line(1, $"day {day}")), "--as-of", $"2017-06-0{day}").WaitAsync(RunningService.Patience);

        Task<string> StagesAsync() => _artists.Database.QueryAsync<string>("select string_agg(relname, ' ' order by relname) from pg_class where relname like 'stage__'");
        for (var day = 1; day <= 3; day++)
        {
            await ImportAsync(day);
        }

        await _artists.Database.ExecuteAsync("update twimport.load set state = 'refused' where loadid = 1");
        await using var dump = await _artists.Database.OpenAsync();
        await dump.ExecuteAsync("begin; lock table twimport.stage_1, twimport.stage_2 in access share mode");
        Assert.That(((await ImportAsync(4)).ExitCode, (await ImportAsync(5)).ExitCode), Is.EqualTo((0, 0)));
        Assert.That(await StagesAsync(), Is.EqualTo("stage_1 stage_2 stage_3 stage_4 stage_5"));

        await dump.ExecuteAsync("commit");
        await ImportAsync(6);
        Assert.That(await StagesAsync(), Is.EqualTo("stage_4 stage_5 stage_6"));
    }

    /// <summary>How many may go is looked at once more when the file is merged: rows that have come meanwhile are missing, too.</summary>
    [Test]
    public async Task Import_OfATableThatGrowsMeanwhile_DeletesNoMoreThanItMay()
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 100).Select(id => ArtistTable.Line(id))));
        await using var other = await _artists.Database.OpenAsync();
        await other.ExecuteAsync("begin; update moma.artist set bio = 'other' where constituentid = 50");
        var import = _artists.ImportAsync(_artists.Write("fewer.csv", Enumerable.Range(1, 95).Select(id => ArtistTable.Line(id, "changed"))), "--delete-missing");
        await Wait.UntilAsync(_artists.IsLockedAsync, RunningService.Patience, "it waits for the row");
        await _artists.Database.ExecuteAsync("insert into moma.artist (constituentid, name) select n, 'Late' from generate_series(201, 220) n");
        await other.ExecuteAsync("commit");
        var run = await import;
        Assert.That((run.ExitCode, run.Error.Contains("25 more rows of moma.artist are not in the file, and 0 are deleted", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(120));
    }
}
