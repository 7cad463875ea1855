using CacheService.Import;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Import;

/// <summary>What imports keep: brought along from an earlier version, and from a dump.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class LoadBookTests
{
    private ArtistTable _artists = null!;

    [SetUp]
    public async Task CreateTable() => _artists = await ArtistTable.CreateAsync();

    [TearDown]
    public async Task DropTable() => await _artists.DisposeAsync();

    [Test]
    public async Task BookOfAnEarlierVersion_IsBroughtAlong_AlsoWhereItWasRestored()
    {
        using var script = new StreamReader(typeof(Importer).Assembly.GetManifestResourceStream("import.sql")!);
        await _artists.Database.ExecuteAsync(await script.ReadToEndAsync());
        // Two files, of one the number of its table is another database's.
        await _artists.Database.ExecuteAsync(
            """
            insert into twimport.load (relid, table_name, key, columns, file, sha256, options, as_of, delete_missing, state, place, last_line, is_staged)
            select relid, 'moma.artist', '{constituentid}', '{constituentid,name}', 'file', '', 'dates ymd', at::timestamptz, false, 'done', 2, 2, true
              from (values ('moma.artist'::regclass::oid, '2017-06-01'), (4294967295::oid, '2017-07-01')) as l (relid, at);
            create unlogged table twimport.stage_1 as select 2::bigint as import_line, 1 as constituentid, 'june' as name;
            create unlogged table twimport.stage_2 as select 2::bigint as import_line, 2 as constituentid, 'july' as name;
            insert into moma.artist (constituentid, name) values (1, 'june'), (2, 'july')
            """);
        var may = _artists.WriteText("may.csv", "constituentid,name\n1,may\n2,may\n3,may\n");
        var runs = await Task.WhenAll(_artists.ImportAsync(may, "--as-of", "2017-05-01"), _artists.ImportAsync(may, "--as-of", "2017-05-01"));
        Assert.That(runs.Select(run => run.OutputLines.ElementAtOrDefault(1)), Is.All.Contains("superseded 2"), runs[0].Error + runs[1].Error);
        Assert.That(await _artists.Database.QueryAsync<string>("select string_agg(name, ' ' order by constituentid) from moma.artist"), Is.EqualTo("june july may"));
        Assert.That(await _artists.Database.QueryAsync<string>("select string_agg(distinct relid::text, ' ') from twimport.load"), Is.EqualTo("moma.artist"));
    }

    [Test]
    public async Task BookOfAnEarlierVersion_OfAnotherRole_SaysWhoMayBringItAlong()
    {
        await using var role = await TestRole.CreateAsync();
        using var script = new StreamReader(typeof(Importer).Assembly.GetManifestResourceStream("import.sql")!);
        await _artists.Database.ExecuteAsync(await script.ReadToEndAsync());
        await _artists.Database.ExecuteAsync($"grant all on schema twimport to {role.Name}; grant all on all tables in schema twimport to {role.Name}");
        var run = await Tool.ToolRun.RunAsync(
            "import", _artists.Write("a.csv", ArtistTable.Line(1)), "--into", "moma.artist", "--key", "constituentid", "--connection", role.ConnectionStringTo(_artists.Database));
        Assert.That((run.ExitCode, run.Error.Contains("import once as the role that owns the tables of the schema twimport", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
        await _artists.Database.ExecuteAsync($"drop owned by {role.Name}");
    }

    [Test]
    public async Task Book_ThatIsDumpedAndRestored_KnowsItsTablesAgain()
    {
        await _artists.ImportAsync(_artists.Write("june.csv", ArtistTable.Line(1, "june")), "--as-of", "2017-06-01");
        var dump = _artists.PathOf("dump");
        await PostgresTools.DumpAsync(_artists.Database, dump);
        await using var restored = await ArtistTable.CreateAsync();
        // Its tables get other numbers.
        await restored.Database.ExecuteAsync("drop schema moma cascade; create table public.other (id int)");
        await PostgresTools.RestoreAsync(restored.Database, dump);
        var may = await restored.ImportAsync(restored.Write("may.csv", ArtistTable.Line(1, "may"), ArtistTable.Line(2, "may")), "--as-of", "2017-05-01");
        Assert.That(may.OutputLines.ElementAtOrDefault(1), Does.Contain("inserted 1, deleted 0, superseded 1"), may.Error);
        Assert.That(await restored.Database.QueryAsync<string>("select bio from moma.artist where constituentid = 1"), Is.EqualTo("june"));
    }

    /// <summary>What was to delete what it lacks, and has not, has not taken an older file's rows away.</summary>
    [Test]
    public async Task OlderFile_AfterOneThatDeletedNothing_IsMerged()
    {
        var june = await _artists.ImportAsync(_artists.Write("june.csv", ArtistTable.Line(1, "june"), "x,Odd,,,,,,,"), "--as-of", "2017-06-01", "--delete-missing");
        Assert.That(june.Error, Does.Contain("nothing was deleted"));
        var may = await _artists.ImportAsync(_artists.Write("may.csv", ArtistTable.Line(1, "may"), ArtistTable.Line(2, "may")), "--as-of", "2017-05-01");
        Assert.That(may.OutputLines[1], Does.Contain("inserted 1, deleted 0, superseded 1"), may.Error);
    }
}
