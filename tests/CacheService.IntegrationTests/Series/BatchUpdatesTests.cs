using CacheService.IntegrationTests.Import;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Series;

/// <summary>"Batch Updates and Concurrency": a museum's list of artists, merged in the article's three ways, and by an import.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class BatchUpdatesTests
{
    private ArtistTable _artists = null!;

    // What of the batch differs is updated, what is missing is inserted; both are counted.
    private static string Merge(string batch, string onConflict) =>
        $"""
        with upd as (
            update moma.artist t set (name, bio, nationality) = (b.name, b.bio, b.nationality)
              from {batch} b
             where t.constituentid = b.constituentid and (t.name, t.bio, t.nationality) <> (b.name, b.bio, b.nationality)
            returning t.constituentid
        ), ins as (
            insert into moma.artist select b.* from {batch} b left join moma.artist t using (constituentid) where t.constituentid is null {onConflict}
            returning constituentid
        )
        select array[(select count(*) from upd), (select count(*) from ins)]
        """;

    private static string Unprotected(string batch) => Merge(batch, "");

    private static string OnConflict(string batch) => Merge(batch, "on conflict (constituentid) do nothing");

    [SetUp]
    public async Task CreateTables()
    {
        _artists = await ArtistTable.CreateAsync();
        await _artists.Database.ExecuteAsync(
            """
            insert into moma.artist (constituentid, name, bio) values (1, 'Robert Arneson', 'American'), (2, 'Doroteo Arnaiz', null);
            create table moma.june (like moma.artist including all);
            insert into moma.june (constituentid, name, bio) values (1, 'Robert Arneson', 'American, 1930-1992'), (2, 'Doroteo Arnaiz', 'Spanish'), (3, 'Bill Arnold', 'June');
            create table moma.july (like moma.artist including all);
            insert into moma.july (constituentid, name, bio) values (1, 'Robert Arneson', 'American, 1930-1992'), (3, 'Bill Arnold', 'July'), (4, 'Charles Arnoldi', 'July')
            """);
    }

    [TearDown]
    public async Task DropTables() => await _artists.DisposeAsync();

    [Test]
    public async Task Comparison_WithUnequal_MissesWhatWasNull()
    {
        Assert.That(await _artists.Database.QueryAsync<long[]>(Unprotected("moma.june")), Is.EqualTo(new[] { 1, 1 }), "the article's merge");
        Assert.That(await BioAsync(2), Is.Null);

        var run = await _artists.ImportAsync(await FileOfAsync("june"));
        Assert.That(run.OutputLines[1], Does.StartWith("read 3, same 2, updated 1, inserted 0,"), run.Error);
        Assert.That(await BioAsync(2), Is.EqualTo("Spanish"));
    }

    [Test]
    public async Task TwoBatches_Unprotected_FailWithADuplicateKey()
    {
        var (first, second) = await MergeBothAsync(Unprotected("moma.june"), Unprotected("moma.july"));
        Assert.That(first, Is.Null);
        Assert.That(second!.SqlState, Is.EqualTo(PostgresErrorCodes.UniqueViolation));
        Assert.That(await _artists.Database.QueryAsync<long>("select count(*) from moma.artist"), Is.EqualTo(3), "nothing is left of the second");
    }

    [Test]
    public async Task TwoBatches_WithTheTableLocked_ComeOneAfterTheOtherAndHoldUpEveryWriter()
    {
        const string Lock = "lock table moma.artist in share row exclusive mode";
        await using var writer = await _artists.Database.OpenAsync();
        var write = Task.CompletedTask;
        var (first, second) = await MergeBothAsync($"{Lock}; {Unprotected("moma.june")}", $"begin; {Lock}; {Unprotected("moma.july")}; commit", async () =>
        {
            write = writer.ExecuteAsync("insert into moma.artist (constituentid, name) values (99, 'Somebody else')");
            await WaitForBlockedAsync(writer);
        });
        await write;
        Assert.That((first, second), Is.EqualTo((default(PostgresException), default(PostgresException))));
        Assert.That(await BioAsync(3), Is.EqualTo("July"));
    }

    [Test]
    public async Task TwoBatches_OnConflictDoNothing_DropTheNewerValues()
    {
        var (first, second) = await MergeBothAsync(OnConflict("moma.june"), OnConflict("moma.july"));
        Assert.That((first, second), Is.EqualTo((default(PostgresException), default(PostgresException))));
        Assert.That(await BioAsync(3), Is.EqualTo("June"), "July's is dropped");
        Assert.That(await BioAsync(4), Is.EqualTo("July"));
    }

    [Test]
    public async Task TwoImports_AtOnce_NeitherFailNorDropAnythingNorHoldUpAWriter()
    {
        await using var writer = await _artists.Database.OpenAsync();
        await writer.ExecuteAsync("begin; insert into moma.artist (constituentid, name, bio) values (4, 'Charles Arnoldi', 'open')");
        var (june, july) = (await FileOfAsync("june"), await FileOfAsync("july"));
        var imports = new[] { _artists.ImportAsync(july, "--as-of", "2017-07-01"), _artists.ImportAsync(june, "--as-of", "2017-06-01") };
        await Wait.UntilAsync(async () => await BioAsync(3) is not null, RunningService.Patience, "what nobody locks is merged");

        // Who writes to another row does not wait, though both are at work.
        await _artists.Database.ExecuteAsync("update moma.artist set gender = 'Male' where constituentid = 1");
        await writer.ExecuteAsync("commit");
        var runs = await Task.WhenAll(imports);
        Assert.That(runs.Select(run => run.ExitCode), Is.All.Zero, runs[0].Error + runs[1].Error);
        Assert.That((await BioAsync(1), await BioAsync(2), await BioAsync(3), await BioAsync(4)), Is.EqualTo(("American, 1930-1992", "Spanish", "July", "July")));
    }

    private async Task<string> FileOfAsync(string month) => _artists.WriteText(
        $"{month}.csv",
        "constituentid,name,bio\n" + await _artists.Database.QueryAsync<string>($"select string_agg(format('%s,%s,\"%s\"', constituentid, name, bio), e'\\n') from moma.{month}"));

    private Task<string?> BioAsync(int id) => ReadAsync($"select bio from moma.artist where constituentid = {id}");

    private async Task<string?> ReadAsync(string sql)
    {
        await using var connection = await _artists.Database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync() as string;
    }

    /// <summary>Merges one batch, and the other while the first one's transaction is open; then commits the first.</summary>
    private async Task<(PostgresException? First, PostgresException? Second)> MergeBothAsync(string one, string other, Func<Task>? meanwhile = null)
    {
        await using var first = await _artists.Database.OpenAsync();
        await using var second = await _artists.Database.OpenAsync();
        await first.ExecuteAsync($"begin; {one}");
        var merging = TryAsync(second, other);
        await WaitForBlockedAsync(second);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        return (await TryAsync(first, "commit"), await merging);
    }

    private static async Task<PostgresException?> TryAsync(NpgsqlConnection connection, string sql)
    {
        try
        {
            await connection.ExecuteAsync(sql);
            return null;
        }
        catch (PostgresException e)
        {
            return e;
        }
    }

    private Task WaitForBlockedAsync(NpgsqlConnection session) => Wait.UntilAsync(
        async () => await _artists.Database.QueryAsync<long>($"select count(*) from pg_stat_activity where pid = {session.ProcessID} and wait_event_type = 'Lock'") == 1,
        RunningService.Patience,
        "it waits for a lock");
}
