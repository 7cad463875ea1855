using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Import;

/// <summary>Files merged into a table by the command line: what comes of them, and what is refused before the table is touched.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ImportTests
{
    private ArtistTable _artists = null!;

    [SetUp]
    public async Task CreateTable() => _artists = await ArtistTable.CreateAsync();

    [TearDown]
    public async Task DropTable() => await _artists.DisposeAsync();

    [Test]
    public async Task Import_OfTheArticlesFiles_UpdatesWhatDiffersAndInsertsWhatIsNew()
    {
        var may = await _artists.ImportAsync(_artists.Write("may.csv", Enumerable.Range(1, 15_165).Select(id => ArtistTable.Line(id))), "--as-of", "2017-05-01");
        Assert.That(may.OutputLines, Is.EqualTo(new[]
        {
            "may.csv into moma.artist, as of 2017-05-01 00:00:00Z (load 1): done", "read 15165, same 0, updated 0, inserted 15165, deleted 0, superseded 0, rejected 0",
        }), may.Error);

        // 35 changed, of which one has lost a value and one has got one that was NULL; 21 new.
        var june = _artists.Write("june.csv", Enumerable.Range(1, 15_186).Select(id => id % 433 == 0 ? ArtistTable.Line(id, bio: id == 433 ? "" : "changed") : ArtistTable.Line(id)));
        var dry = await _artists.ImportAsync(june, "--as-of", "2017-06-01", "--dry-run");
        Assert.That(dry.OutputLines, Is.EqualTo(new[]
        {
            "june.csv into moma.artist, as of 2017-06-01 00:00:00Z (load 2): would do", "read 15186, same 15130, updated 35, inserted 21, deleted 0, superseded 0, rejected 0",
        }), dry.Error);
        Assert.That(await CountAsync("moma.artist"), Is.EqualTo(15_165));

        var before = await _artists.Database.QueryAsync<long>("select sum(xmin::text::bigint)::bigint from moma.artist where constituentid <= 15165 and constituentid % 433 <> 0");
        var run = await _artists.ImportAsync(june, "--as-of", "2017-06-01", "--json");
        Assert.That(
            run.Output,
            Does.Contain("\"read\": 15186").And.Contain("\"same\": 15130").And.Contain("\"updated\": 35").And.Contain("\"inserted\": 21").And.Contain("\"rejected\": 0"),
            run.Error);
        Assert.That((run.ExitCode, await CountAsync("moma.artist")), Is.EqualTo((0, 15_186L)));
        Assert.That(
            await _artists.Database.QueryAsync<long>("select sum(xmin::text::bigint)::bigint from moma.artist where constituentid <= 15165 and constituentid % 433 <> 0"), Is.EqualTo(before),
            "what is the same is not written to");
        Assert.That(await _artists.Database.QueryAsync<bool>("select bio is null from moma.artist where constituentid = 433"));
        Assert.That(
            await _artists.Database.QueryAsync<string>(
                "select concat(before ->> 'bio', ' -> ', after ->> 'bio', ' line ', line) from twimport.change where loadid = 3 and before ->> 'constituentid' = '866'"),
            Is.EqualTo("American 1866 -> changed line 867"));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from twimport.change where loadid = 3 and before is null"), Is.EqualTo(21));
    }

    [Test]
    public async Task Import_OfWhatIsWrong_RejectsItWithItsLineAndTakesTheRest()
    {
        var path = _artists.WriteText(
            "bad.csv",
            $"{ArtistTable.Header}\n{ArtistTable.Line(1)}\nx,\"No, number\",,,,,,,\n2,Short\n3,,no name,,,,,,\n4,\"Two\nlines\",,,,,,,\n{ArtistTable.Header}\n7,Last,,,,99999999999,,,");
        var run = await _artists.ImportAsync(path);
        Assert.That(run.ExitCode, Is.EqualTo(1));
        var lines = run.ErrorWithoutProgress.Split('\n');
        Assert.That(lines[0], Does.StartWith("line 3: invalid input syntax for type integer: \"x\""));
        Assert.That(lines[1], Does.StartWith("line 4: it has 2 values in place of 9"));
        Assert.That(lines[2], Does.StartWith("line 5: null value in column \"name\""));
        Assert.That(lines[3], Does.StartWith("line 8: it is the header once more"));
        Assert.That(lines[4], Does.StartWith("line 9: value \"99999999999\" is out of range"));
        Assert.That(await _artists.Database.QueryAsync<string>("select name from moma.artist where constituentid = 4"), Is.EqualTo("Two\nlines"));
        Assert.That(run.OutputLines[1], Does.Contain("inserted 2, ").And.EndsWith("rejected 5"));

        // Mended, they go in; lines and errors are left out.
        var rejects = await File.ReadAllTextAsync($"{path}.rejects.csv");
        Assert.That(rejects, Does.StartWith($"import_line,import_error,{ArtistTable.Header}\n3,\"invalid input syntax for type integer: \"\"x\"\"\",x,\"No, number\",,,,,,,\n"));
        var mended = _artists.WriteText("mended.csv", string.Join('\n', rejects.Split('\n')[..2]).Replace(",x,", ",30,", StringComparison.Ordinal));
        var again = await _artists.ImportAsync(mended);
        Assert.That(again.OutputLines[1], Does.StartWith("read 1, same 0, updated 0, inserted 1,"), again.Error);
    }

    [TestCase("name,bio\nA,B\n", "line 1: the key constituentid is not among the columns")]
    [TestCase("constituentid,name,colour\n1,A,red\n", "line 1: column 3, 'colour', is none of the table's")]
    [TestCase("constituentid,name,name\n1,A,B\n", "line 1: name is there twice, as column 2 and as column 3")]
    [TestCase("constituentid,name\n1,A\n2,B\n1,C\n2,D\n", "2 keys are there more than once: 1 on lines 2, 4; 2 on lines 3, 5")]
    [TestCase("constituentid,name\n1,A\n,B\n", "1 rows have no constituentid, which is the key: line 3")]
    [TestCase("constituentid,name\n1,A\n2,12\" disc\n3,B\n", "line 3: value 2 has a quote where none may stand")]
    [TestCase("constituentid,name\n1,A\n2,\"open\n3,B\n", "line 3: value 2 has a quote where none may stand")]
    [TestCase("", "is empty: it has not even a header")]
    public async Task Import_OfAFileThatIsNoGood_IsRefusedAndTouchesNothing(string text, string reason)
    {
        await _artists.Database.ExecuteAsync("insert into moma.artist (constituentid, name) values (1, 'before')");
        var run = await _artists.ImportAsync(_artists.WriteText("bad.csv", text));
        Assert.That((run.ExitCode, run.Output), Is.EqualTo((1, "")));
        Assert.That(run.ErrorWithoutProgress, Does.StartWith("tweetcounts: bad.csv: ").And.Contain(reason));
        Assert.That(await _artists.ContentAsync(), Is.EqualTo("(1,before,,,,,,,)"));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from pg_class where relname like 'stage%' and relkind = 'r'"), Is.Zero, "nothing is left behind");
    }

    [TestCase("moma.nowhere", "constituentid", "there is no table moma.nowhere")]
    [TestCase("moma.artist", "nothing", "has no column nothing to be the key")]
    [TestCase("moma.artist", "name", "has no unique index on name")]
    [TestCase("moma.artist", "constituentid,name", "has no unique index on constituentid, name")]
    [TestCase("pg_catalog.pg_class", "oid", "belongs to the database or to the service")]
    [TestCase("moma.view", "name", "is no table")]
    public async Task Import_IntoWhatIsNoGood_IsRefused(string table, string key, string reason)
    {
        await _artists.Database.ExecuteAsync("create view moma.view as select name from moma.artist");
        var run = await ToolRun("import", _artists.Write("a.csv", ArtistTable.Line(1)), "--into", table, "--key", key, "--connection", _artists.Database.ConnectionString);
        Assert.That((run.ExitCode, run.Error.Contains(reason, StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
    }

    [Test]
    public async Task DeleteMissing_OfTooMuch_IsRefusedAndOfLittleIsDoneAndKept()
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 1_000).Select(id => ArtistTable.Line(id))));
        var half = await _artists.ImportAsync(_artists.Write("half.csv", Enumerable.Range(1, 500).Select(id => ArtistTable.Line(id))), "--delete-missing");
        Assert.That((half.ExitCode, half.Error.Contains("500 of the 1000 rows of moma.artist are not in the file, more than 10 percent", StringComparison.Ordinal)), Is.EqualTo((1, true)), half.Error);
        Assert.That(await CountAsync("moma.artist"), Is.EqualTo(1_000));

        // One that something refers to stays, and is told.
        await _artists.Database.ExecuteAsync("create table moma.work (artist int references moma.artist); insert into moma.work values (950)");
        var most = await _artists.ImportAsync(_artists.Write("most.csv", Enumerable.Range(1, 940).Select(id => ArtistTable.Line(id))), "--delete-missing");
        Assert.That(most.OutputLines[1], Is.EqualTo("read 940, same 940, updated 0, inserted 0, deleted 59, superseded 0, rejected 1"), most.Error);
        Assert.That(most.Error, Does.Contain("it is not in the file, and cannot be deleted"));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from twimport.change where after is null"), Is.EqualTo(59));

        // A row that is there and in the file, and whose new value the table refuses, is not missing.
        await _artists.Database.ExecuteAsync("create unique index on moma.artist (bio) where bio like 'only%'; update moma.artist set bio = 'only' where constituentid = 1");
        var only = Enumerable.Range(1, 938).Select(id => id is 1 or 2 ? ArtistTable.Line(id, "only") : ArtistTable.Line(id));
        var refused = await _artists.ImportAsync(_artists.Write("refused.csv", only), "--delete-missing");
        Assert.That(refused.OutputLines[1], Is.EqualTo("read 938, same 937, updated 0, inserted 0, deleted 0, superseded 0, rejected 1"), refused.Error);

        var rejected = await _artists.ImportAsync(_artists.Write("odd.csv", Enumerable.Range(1, 930).Select(id => ArtistTable.Line(id)).Append("x,Odd,,,,,,,")), "--delete-missing");
        Assert.That((rejected.ExitCode, rejected.Error.Contains("nothing was deleted, because 1 rows of the file were rejected", StringComparison.Ordinal)), Is.EqualTo((1, true)), rejected.Error);
        Assert.That(await CountAsync("moma.artist"), Is.EqualTo(941));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task OlderFile_AfterANewerOne_ComesToTheSameAsBeforeIt(bool deletes)
    {
        string[] flags = deletes ? ["--delete-missing", "--max-delete", "100"] : [];
        string[] contents = new string[2];
        for (var order = 0; order < 2; order++)
        {
            await _artists.Database.ExecuteAsync("drop schema if exists twimport cascade; truncate moma.artist");
            await _artists.ImportAsync(_artists.Write("first.csv", Enumerable.Range(1, 100).Select(id => ArtistTable.Line(id, "first"))), "--as-of", "2017-04-01");
            var old = _artists.Write("old.csv", Enumerable.Range(30, 100).Select(id => ArtistTable.Line(id, "old")));
            var newer = _artists.Write("new.csv", Enumerable.Range(60, 100).Select(id => ArtistTable.Line(id, "new")));
            foreach (var (path, date) in order == 0 ? [(old, "2017-05-01"), (newer, "2017-06-01")] : new[] { (newer, "2017-06-01"), (old, "2017-05-01") })
            {
                var run = await _artists.ImportAsync(path, ["--as-of", date, .. flags]);
                Assert.That(run.ExitCode, Is.Zero, run.Error);
            }

            contents[order] = await _artists.ContentAsync();
        }

        Assert.That(contents[1], Is.EqualTo(contents[0]));
        Assert.That(contents[0].Split('\n'), Has.Length.EqualTo(deletes ? 100 : 159));
    }

    [Test]
    public async Task TwoFiles_AtOnce_ComeToWhatTheirDatesSay()
    {
        var may = _artists.Write("may.csv", Enumerable.Range(1, 3_000).Select(id => ArtistTable.Line(id, "may")));
        var june = _artists.Write("june.csv", Enumerable.Range(1_001, 3_000).Select(id => ArtistTable.Line(id, "june")));
        var runs = await Task.WhenAll(_artists.ImportAsync(june, "--as-of", "2017-06-01"), _artists.ImportAsync(may, "--as-of", "2017-05-01"), _artists.ImportAsync(june, "--as-of", "2017-06-01"));
        Assert.That(runs.Select(run => run.ExitCode), Is.All.Zero, string.Join('\n', runs.Select(run => run.Error)));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist where bio = 'may'"), Is.EqualTo(1_000));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist where bio = 'june'"), Is.EqualTo(3_000));
    }

    [Test]
    public async Task RowThatSomebodyLocks_IsWaitedForWhileTheOthersGoOn()
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 500).Select(id => ArtistTable.Line(id))));
        await using var other = await _artists.Database.OpenAsync();
        await other.ExecuteAsync("begin; update moma.artist set bio = 'other' where constituentid = 250");
        var import = _artists.ImportAsync(_artists.Write("changed.csv", Enumerable.Range(1, 500).Select(id => ArtistTable.Line(id, "changed"))));
        await Wait.UntilAsync(
            async () => await _artists.Database.QueryAsync<long>("select count(*) from moma.artist where bio = 'changed'") == 249, RunningService.Patience, "all rows before it are merged");
        await other.ExecuteAsync("commit");
        var run = await import;
        Assert.That(run.OutputLines[1], Does.StartWith("read 500, same 0, updated 500,"), run.Error);
        Assert.That(
            await _artists.Database.QueryAsync<string>("select before ->> 'bio' from twimport.change where after ->> 'constituentid' = '250' and before is not null"),
            Is.EqualTo("other"),
            "what it was then");
    }

    [Test]
    public async Task RowsThatOthersInsertMeanwhile_AreUpdatedAndFailNobody()
    {
        var import = _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 20_000).Select(id => ArtistTable.Line(id))));
        await using var other = await _artists.Database.OpenAsync();
        var (mine, id) = (0, 20_000);
        while (!import.IsCompleted)
        {
            await using var insert = new NpgsqlCommand($"insert into moma.artist (constituentid, name) values ({id -= 7}, 'mine') on conflict do nothing", other);
            mine += await insert.ExecuteNonQueryAsync();
            id = id < 10 ? 20_000 : id;
        }

        var run = await import;
        Assert.That(run.ExitCode, Is.Zero, run.Error);
        Assert.That(mine, Is.Positive);
        Assert.That(run.OutputLines[1], Does.StartWith("read 20000, same 0, updated " + await _artists.Database.QueryAsync<long>("select count(*) from twimport.change where before is not null")));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist where name like 'Artist, %'"), Is.EqualTo(20_000));
    }

    [Test]
    public async Task RowsThatTheTableRefuses_AreRejectedOneByOne()
    {
        await _artists.Database.ExecuteAsync(
            """
            alter table moma.artist add unique (wiki_qid);
            create table moma.country (name text primary key); insert into moma.country values ('American'), ('');
            alter table moma.artist add foreign key (nationality) references moma.country, add check (begin > 1000);
            create function moma.no_ghosts() returns trigger language plpgsql as $$ begin if new.name = 'Ghost' then return null; end if; return new; end $$;
            create trigger no_ghosts before insert on moma.artist for each row execute function moma.no_ghosts()
            """);
        var run = await _artists.ImportAsync(_artists.Write(
            "refused.csv",
            [.. Enumerable.Range(1, 300).Select(id => ArtistTable.Line(id)), "301,Same,,,,,,Q5,", "302,Elf,,Elfish,,,,,", "303,Ghost,,,,,,,", "304,Old,,,,900,,,", ArtistTable.Line(305)]));
        Assert.That(run.OutputLines[1], Does.Contain("inserted 301,").And.EndsWith("rejected 4"), run.Error);
        Assert.That(run.Error, Does.Contain("line 302: duplicate key value violates unique constraint").And.Contain("line 303: nationality refers to a row of moma.country that there is not")
            .And.Contain("line 304: a trigger, a rule or row security of the table does not let it in").And.Contain("line 305: new row for relation"));
    }

    private static Task<Tool.ToolRun> ToolRun(params string[] args) => Tool.ToolRun.RunAsync(args);

    private Task<long> CountAsync(string table) => _artists.Database.QueryAsync<long>($"select count(*) from {table}");
}
