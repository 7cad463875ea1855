using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Import;

/// <summary>Tables as people have them: keys of other types, rows that refer to each other, triggers, row security.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class TableFormsTests
{
    private ArtistTable _artists = null!;

    [SetUp]
    public async Task CreateTable() => _artists = await ArtistTable.CreateAsync();

    [TearDown]
    public async Task DropTable() => await _artists.DisposeAsync();

    [Test]
    public async Task FileThatLacksWhatANewRowNeeds_IsRefusedBeforeAnythingIsTouched()
    {
        await _artists.Database.ExecuteAsync(
            """
            create table moma.work (id int primary key, title text not null, kind text not null, at date not null default now());
            insert into moma.work values (1, 'a', 'x')
            """);
        var file = _artists.WriteText("works.csv", "id,title\n1,b\n2,c\n");
        var run = await _artists.ImportIntoAsync("moma.work", "id", file);
        Assert.That((run.ExitCode, run.Error.Contains("line 3: it is a new row, and the file lacks kind", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
        Assert.That(await _artists.Database.QueryAsync<string>("select string_agg(title || kind, ' ') from moma.work"), Is.EqualTo("ax"));

        // What is only updated needs none, nor does what a trigger fills in.
        Assert.That((await _artists.ImportIntoAsync("moma.work", "id", _artists.WriteText("old.csv", "id,title\n1,b\n"))).OutputLines[1], Does.Contain("updated 1, inserted 0"));
        await _artists.Database.ExecuteAsync(
            """
            create function moma.fill() returns trigger language plpgsql as $$ begin new.kind := 'y'; return new; end $$;
            create trigger fill before insert on moma.work for each row execute function moma.fill()
            """);
        run = await _artists.ImportIntoAsync("moma.work", "id", _artists.WriteText("more.csv", "id,title\n1,b\n2,c\n"));
        Assert.That(run.OutputLines[1], Does.Contain("same 1, updated 0, inserted 1"), run.Error);
    }

    /// <summary>Rows that refer to rows which stand far behind them in the file, in chains, in a circle; and those whose chief is nowhere.</summary>
    [Test]
    public async Task RowsThatReferToEachOther_AreMergedWhateverTheirOrder()
    {
        const int All = 2_400;
        await _artists.Database.ExecuteAsync("create table moma.employee (id int primary key, name text, chief int references moma.employee)");
        var lines = Enumerable.Range(1, All).Select(id => $"{id},n{id},{(id + 300 <= All ? id + 300 : "")}").ToList();
        // Two of a circle, one whose chief is nowhere, and one whose chief is that one.
        lines.AddRange(["9001,a,9002", "9002,b,9001", "9003,lost,9999", "9004,lost,9003"]);
        var file = _artists.WriteText("employees.csv", "id,name,chief\n" + string.Join('\n', lines));
        var run = await _artists.ImportIntoAsync("moma.employee", "id", file);
        Assert.That(run.OutputLines[1], Is.EqualTo($"read {All + 4}, same 0, updated 0, inserted {All + 2}, deleted 0, superseded 0, rejected 2"), run.Error);
        Assert.That(run.ErrorWithoutProgress, Does.StartWith($"line {All + 4}: chief refers to a row of moma.employee that there is not\nline {All + 5}: chief refers"));

        // As after a crash of the server in the middle: it is staged again, in the same order.
        await _artists.Database.ExecuteAsync(
            """
            delete from moma.employee e using twimport.stage_1 s where s.id = e.id and s.import_order > 1000;
            update twimport.load set state = 'merging', place = 1000, inserted = (select count(*) from twimport.stage_1 where import_order <= 1000);
            truncate twimport.stage_1
            """);
        run = await _artists.ImportIntoAsync("moma.employee", "id", file);
        Assert.That(run.OutputLines[1], Is.EqualTo($"read {All + 4}, same 0, updated 0, inserted {All + 2}, deleted 0, superseded 0, rejected 2"), run.Error);
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.employee"), Is.EqualTo(All + 2));

        // The chiefs go after those whose chiefs they are.
        run = await _artists.ImportIntoAsync("moma.employee", "id", _artists.WriteText("few.csv", "id,name,chief\n1,n1,\n9001,a,9002\n9002,b,9001\n"), "--delete-missing", "--max-delete", "100");
        Assert.That(run.OutputLines[1], Is.EqualTo($"read 3, same 2, updated 1, inserted 0, deleted {All - 1}, superseded 0, rejected 0"), run.Error);
    }

    /// <summary>A chain of rows that stand in order needs no other one, however long it is.</summary>
    [TestCase(-1)]
    [TestCase(1)]
    public async Task Chain_OfManyRows_IsMergedAsItStands(int chief)
    {
        const int All = 600;
        await _artists.Database.ExecuteAsync("create table moma.employee (id int primary key, chief int references moma.employee)");
        var ids = Enumerable.Range(1, All).Select(n => chief < 0 ? n : All + 1 - n).ToList();
        var run = await _artists.ImportIntoAsync(
            "moma.employee", "id", _artists.WriteText("chain.csv", "id,chief\n" + string.Join('\n', ids.Select(id => $"{id},{(id == ids[0] ? "" : id + chief)}"))));
        Assert.That(run.OutputLines[1], Does.Contain($"inserted {All},"), run.Error);
        Assert.That(await _artists.Database.QueryAsync<bool>("select is_ordered from twimport.load"), Is.False, "the file's order will do");
    }

    [Test]
    public async Task RowsThatReferToAPartitionedTable_AreMergedWhicheverPartitionTheyReferTo()
    {
        await _artists.Database.ExecuteAsync(
            """
            create table moma.country (name text primary key) partition by list (name);
            create table moma.country_1 partition of moma.country for values in ('Danish'); create table moma.country_2 partition of moma.country for values in ('Greek');
            insert into moma.country values ('Danish'), ('Greek');
            alter table moma.artist add foreign key (nationality) references moma.country
            """);
        var run = await _artists.ImportAsync(_artists.Write("a.csv", "1,One,,Danish,,,,,", "2,Two,,Greek,,,,,", "3,Three,,Elfish,,,,,"));
        Assert.That(run.OutputLines[1], Does.Contain("inserted 2,").And.EndsWith("rejected 1"), run.Error);
        Assert.That(run.ErrorWithoutProgress, Does.StartWith("line 4: nationality refers to a row of moma.country that there is not"));
    }

    [Test]
    public async Task RowsThatATriggerLeavesAsTheyAre_AreNotToldAsTheSame()
    {
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 500).Select(id => ArtistTable.Line(id))));
        await _artists.Database.ExecuteAsync(
            """
            create function moma.keep() returns trigger language plpgsql as $$ begin if old.constituentid in (7, 450) then return null; end if; new.name := upper(new.name); return new; end $$;
            create trigger keep before update on moma.artist for each row execute function moma.keep();
            create function moma.stay() returns trigger language plpgsql as $$ begin if old.constituentid = 500 then return null; end if; return old; end $$;
            create trigger stay before delete on moma.artist for each row execute function moma.stay()
            """);
        var run = await _artists.ImportAsync(_artists.Write("changed.csv", Enumerable.Range(1, 500).Select(id => ArtistTable.Line(id, id <= 450 ? "changed" : null))));
        Assert.That(run.OutputLines[1], Is.EqualTo("read 500, same 50, updated 448, inserted 0, deleted 0, superseded 0, rejected 2"), run.Error);
        Assert.That(run.ErrorWithoutProgress, Does.StartWith("line 8: a trigger, a rule or row security of the table leaves the row as it was\nline 451: a trigger"));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from twimport.change where loadid = 2"), Is.EqualTo(448));

        run = await _artists.ImportAsync(_artists.Write("fewer.csv", Enumerable.Range(451, 40).Select(id => ArtistTable.Line(id))), "--delete-missing", "--max-delete", "100");
        Assert.That(run.OutputLines[1], Does.Contain("deleted 459, superseded 0, rejected 1"), run.Error);
        Assert.That(run.Error, Does.Contain("it is not in the file, and cannot be deleted: a trigger, a rule or row security of the table keeps it"));
    }

    [Test]
    public async Task RowsThatRowSecurityKeeps_AreToldAsWhatTheyAre()
    {
        await using var role = await TestRole.CreateAsync();
        await _artists.ImportAsync(_artists.Write("all.csv", Enumerable.Range(1, 300).Select(id => ArtistTable.Line(id))));
        await _artists.Database.ExecuteAsync(
            $"""
            grant usage on schema moma to {role.Name}; grant all on moma.artist to {role.Name};
            grant all on schema twimport to {role.Name}; grant all on all tables in schema twimport to {role.Name};
            alter table moma.artist enable row level security;
            create policy seen on moma.artist for select using (true);
            create policy written on moma.artist for update using (constituentid <> 5);
            create policy added on moma.artist for insert with check (constituentid <> 302)
            """);
        var file = _artists.Write("changed.csv", Enumerable.Range(1, 303).Select(id => ArtistTable.Line(id, "changed")));
        var run = await Tool.ToolRun.RunAsync(
            "import", file, "--into", "moma.artist", "--key", "constituentid", "--connection", role.ConnectionStringTo(_artists.Database), "--max-load", "1");
        Assert.That(run.OutputLines.ElementAtOrDefault(1), Is.EqualTo("read 303, same 0, updated 299, inserted 2, deleted 0, superseded 0, rejected 2"), run.Error);
        Assert.That(run.ErrorWithoutProgress, Does.StartWith("line 6: a trigger, a rule or row security of the table leaves the row as it was\nline 303: new row violates row-level security policy"));
        await _artists.Database.ExecuteAsync($"drop owned by {role.Name}");
    }

    /// <summary>A month is not 30 days, though intervals are compared so.</summary>
    [Test]
    public async Task Interval_ThatIsEqualAndNotTheSame_IsUpdated()
    {
        await _artists.Database.ExecuteAsync("create table moma.loan (id int primary key, span interval); insert into moma.loan values (1, '30 days'), (2, '1 mon')");
        var run = await _artists.ImportIntoAsync("moma.loan", "id", _artists.WriteText("loans.csv", "id,span\n1,1 mon\n2,1 mon\n"));
        Assert.That(run.OutputLines[1], Does.Contain("same 1, updated 1,"), run.Error);
        Assert.That(await _artists.Database.QueryAsync<string>("select span::text from moma.loan where id = 1"), Is.EqualTo("1 mon"));
    }
}
