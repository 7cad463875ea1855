using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Import;

/// <summary>Imports that are killed, lose their session, or whose table becomes another one.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class KilledImportTests
{
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

        string[] args = ["import", changed, "--into", "moma.artist", "--key", "constituentid", "--connection", _artists.Database.ConnectionString, "--max-load", "0.05"];
        var place = 0L;
        for (var kill = 1; kill <= 3; kill++)
        {
            using var tool = new ToolProcess(args);
            var before = place;
            await Wait.UntilAsync(
                async () => (place = await _artists.Database.QueryAsync<long>("select coalesce(max(place), 0) from twimport.load where file = 'changed.csv'")) > before, RunningService.Patience, "it gets on");
            await tool.KillAsync();
            await Wait.UntilAsync(
                async () => await _artists.Database.QueryAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and classid = 1953 and database = (select oid from pg_database where datname = current_database())") == 0, RunningService.Patience, "its session has ended");
            place = await _artists.Database.QueryAsync<long>("select place from twimport.load where file = 'changed.csv'");
        }

        Assert.That(place, Is.LessThan(5_301), "it was killed on the way");
        var last = await _artists.ImportAsync(changed);
        Assert.That(last.OutputLines[0], Does.EndWith("done, from where it was"));
        Assert.That(last.OutputLines[1], Is.EqualTo(once.OutputLines[1]));
        Assert.That(await _artists.ContentAsync(), Is.EqualTo(expected));
        Assert.That(
            await _artists.Database.QueryAsync<bool>("select count(*) = (select updated + inserted from twimport.load where file = 'changed.csv') and count(*) = count(distinct after ->> 'constituentid') from twimport.change where loadid = 2"),
            "each change is kept once");
    }

    [Test]
    public async Task Import_ThatLosesItsSession_FailsAndGoesOnWhenItIsStartedAgain()
    {
        var file = _artists.Write("all.csv", Enumerable.Range(1, 3_000).Select(id => ArtistTable.Line(id)));
        var import = _artists.ImportAsync(file, "--max-load", "0.02");
        await Wait.UntilAsync(
            async () => await _artists.Database.QueryAsync<bool>("select to_regclass('twimport.load') is not null")
                && await _artists.Database.QueryAsync<long>("select coalesce(max(place), 0) from twimport.load") > 0, RunningService.Patience, "it merges");
        await _artists.Database.ExecuteAsync("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 1953 and database = (select oid from pg_database where datname = current_database())");
        var killed = await import;
        Assert.That((killed.ExitCode, killed.Output), Is.EqualTo((1, "")));
        var place = await _artists.Database.QueryAsync<long>("select place from twimport.load");
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
            "update twimport.load set state = 'merging', place = 501, inserted = 500, is_staged = false; delete from twimport.stage_1 where import_line > 700; delete from moma.artist where constituentid > 500");
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
        var import = _artists.ImportAsync(file, "--max-load", "0.02");
        await Wait.UntilAsync(
            async () => await _artists.Database.QueryAsync<bool>("select to_regclass('twimport.load') is not null")
                && await _artists.Database.QueryAsync<long>("select coalesce(max(place), 0) from twimport.load") > 0, RunningService.Patience, "it merges");
        await _artists.Database.ExecuteAsync("alter table moma.artist rename to former; create table moma.artist (like moma.former including all)");
        var run = await import;
        Assert.That((run.ExitCode, run.Error.Contains("replaced by another one", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.Zero);

        var again = await _artists.ImportAsync(file);
        Assert.That(again.OutputLines[1], Does.StartWith("read 3000, same 0, updated 0, inserted 3000,"), again.Error);
    }
}
