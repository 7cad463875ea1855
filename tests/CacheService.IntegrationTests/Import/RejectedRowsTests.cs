using CacheService.Import;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Import;

/// <summary>Rows that the table refuses while a file is merged, and rows that are tried again.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class RejectedRowsTests
{
    private ArtistTable _artists = null!;

    [SetUp]
    public async Task CreateTable() => _artists = await ArtistTable.CreateAsync();

    [TearDown]
    public async Task DropTable() => await _artists.DisposeAsync();

    [Test]
    public async Task RowsThatTheTableRefuses_EndTheImportWhereTheyAreTooMany_AndItGoesOnWhereMoreAreAllowed()
    {
        await RefuseAsync("new.constituentid > 100 and new.constituentid <= 150");
        var file = _artists.Write("all.csv", Enumerable.Range(1, 200).Select(id => ArtistTable.Line(id)));
        var run = await _artists.ImportAsync(file, "--max-rejects", "10");
        Assert.That((run.ExitCode, run.Output), Is.EqualTo((1, "")));
        Assert.That(run.Error, Does.Contain("load 1, line 112: the table refuses more rows than may be rejected, this one because: no more"));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from twimport.reject"), Is.EqualTo(10));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(100));

        var again = await _artists.ImportAsync(file, "--max-rejects", "50");
        Assert.That(again.OutputLines[1], Is.EqualTo("read 200, same 0, updated 0, inserted 150, deleted 0, superseded 0, rejected 50"), again.Error);
    }

    [Test]
    public async Task RowsThatTheTableRefuses_AreLookedForWithPauses()
    {
        await RefuseAsync("true");
        var file = _artists.Write("all.csv", Enumerable.Range(1, 100).Select(id => ArtistTable.Line(id)));
        await using var connection = await _artists.Database.OpenAsync();
        var time = new PauseCounter();
        await new Importer(new ConnectionSession(connection), ArtistTable.OrderOf(file) with { MaxLoad = 0.1 }, askService: null, time, _ => { }, _ => Task.CompletedTask)
            .RunAsync(CancellationToken.None);
        Assert.That(time.Pauses, Is.GreaterThan(100), "one after each row, and more");
    }

    /// <summary>Triggers may say no with a code of their own.</summary>
    [TestCase("U0001")]
    [TestCase("45000")]
    [TestCase("P0001")]
    public async Task RowsThatATriggerRefuses_WithAnyCode_AreRejected(string code)
    {
        await RefuseAsync("new.constituentid = 2", code);
        var run = await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 20).Select(id => ArtistTable.Line(id))));
        Assert.That(run.OutputLines.ElementAtOrDefault(1), Does.Contain("inserted 19,").And.EndsWith("rejected 1"), run.Error);
        Assert.That(run.ErrorWithoutProgress, Does.StartWith("line 3: no more"));
    }

    /// <summary>Whatever a value's type: what a row is kept as is what it is tried again with.</summary>
    [Test]
    public async Task Retry_OfAnyTypes_MergesWhatTheFileSaid()
    {
        await _artists.Database.ExecuteAsync(
            """
            create table moma.kind (id int primary key);
            create table moma.form (id int primary key, kind int references moma.kind, note json, notes jsonb, tags text[], span interval, code char(4), part varchar(3), flag bool, name text unique)
            """);
        const string Values = """1,"{""a"":  1}","{""b"": [2]}","{x,""y z""}",1 mon,ab,abc,t""";
        // One is rejected before it is merged, for what it refers to, and one while it is.
        var file = _artists.WriteText("form.csv", $"id,kind,note,notes,tags,span,code,part,flag,name\n1,{Values},one\n2,,\"\"\"text\"\"\",5,{{}},,,,,two\n3,{Values[2..].Insert(0, ",")},two\n");
        var run = await _artists.ImportIntoAsync("moma.form", "id", file);
        Assert.That(run.Error, Does.Contain("line 2: kind refers to").And.Contain("line 4: duplicate key"));
        await _artists.Database.ExecuteAsync("insert into moma.kind values (1); update twimport.reject set row = row || '{\"name\": \"three\", \"tags\": [\"p\", \"q\"]}' where line = 4");
        Assert.That((await RetryAsync(1, 2), await RetryAsync(1, 4)), Is.EqualTo((true, true)));
        Assert.That(
            await _artists.Database.QueryAsync<string>("select string_agg(f::text, ' ' order by id) from moma.form f where id <> 2"),
            Is.EqualTo("""(1,1,"{""a"":  1}","{""b"": [2]}","{x,""y z""}","1 mon","ab  ",abc,t,one) (3,,"{""a"":  1}","{""b"": [2]}","{p,q}","1 mon","ab  ",abc,t,three)"""));
        Assert.That(await RetryAsync(1, 2), Is.False, "it is not there any more");

        // What is too long is not cut.
        await _artists.Database.ExecuteAsync("insert into twimport.reject values (1, 9, '{\"id\": \"9\", \"part\": \"abcd\"}', 'mended')");
        Assert.That((await Assert.ThrowsAsync<PostgresException>(() => RetryAsync(1, 9)))!.MessageText, Does.Contain("value too long"));
    }

    [Test]
    public async Task Retry_OfARow_MakesItOneOfItsFile_SoThatAnOlderFileDoesNotComeOverIt()
    {
        await _artists.Database.ExecuteAsync("create table moma.country (name text primary key); alter table moma.artist add foreign key (nationality) references moma.country");
        await _artists.ImportAsync(_artists.Write("june.csv", "1,One,,,,,,,", "2,Two,june,Elfish,,,,,"), "--as-of", "2017-06-01");
        await _artists.Database.ExecuteAsync("insert into moma.country values ('Elfish')");
        Assert.That(await RetryAsync(1, 3), Is.True);
        Assert.That(await _artists.Database.QueryAsync<string>("select format('%s %s %s', place, inserted, rejected) from twimport.load"), Is.EqualTo("3 2 0"));

        var may = await _artists.ImportAsync(_artists.Write("may.csv", "2,Two,may,,,,,,", "3,Three,may,,,,,,"), "--as-of", "2017-05-01");
        Assert.That(may.OutputLines[1], Does.Contain("inserted 1, deleted 0, superseded 1"), may.Error);
        Assert.That(await _artists.Database.QueryAsync<string>("select bio from moma.artist where constituentid = 2"), Is.EqualTo("june"));
    }

    [Test]
    public async Task Retry_OfALoadThatHasNotEnded_IsRefusedAndSkipsNoRow()
    {
        await RefuseAsync("new.constituentid = 2");
        var file = _artists.Write("all.csv", Enumerable.Range(1, 300).Select(id => ArtistTable.Line(id)));
        await _artists.ImportAsync(file);
        await _artists.Database.ExecuteAsync(
            "drop trigger refuse on moma.artist; update twimport.load set state = 'merging', place = 101, inserted = 99; delete from moma.artist where constituentid > 100");
        Assert.That((await Assert.ThrowsAsync<ImportException>(() => RetryAsync(1, 3)))!.Message, Does.Contain("has not come to its end"));
        var run = await _artists.ImportAsync(file);
        Assert.That(run.OutputLines[1], Is.EqualTo("read 300, same 0, updated 0, inserted 299, deleted 0, superseded 0, rejected 1"), run.Error);
    }

    [Test]
    public async Task Retry_WhereSomebodyHasWrittenSomethingElseAsTheOrderOfDates_IsRefused()
    {
        await RefuseAsync("new.constituentid = 2");
        await _artists.ImportAsync(_artists.Write("all.csv", ArtistTable.Line(1), ArtistTable.Line(2)));
        await _artists.Database.ExecuteAsync("update twimport.load set options = e'header\\nencoding utf-8\\ndates ymd''; drop table moma.artist; --'");
        Assert.That((await Assert.ThrowsAsync<ImportException>(() => RetryAsync(1, 3)))!.Message, Does.Contain("how the dates of the file are meant is not known"));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(1));
    }

    private Task RefuseAsync(string what, string code = "P0001") => _artists.Database.ExecuteAsync(
        $"""
        create function moma.refuse() returns trigger language plpgsql as $$ begin raise exception 'no more' using errcode = '{code}'; end $$;
        create trigger refuse before insert on moma.artist for each row when ({what}) execute function moma.refuse()
        """);

    private async Task<bool> RetryAsync(long load, long line)
    {
        await using var connection = await _artists.Database.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var isMerged = await RejectedRows.RetryAsync(connection, load, line, CancellationToken.None);
        await transaction.CommitAsync();
        return isMerged;
    }

    /// <summary>The system's time, which counts how often it is paused for.</summary>
    private sealed class PauseCounter : TimeProvider
    {
        public int Pauses { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Pauses++;
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
