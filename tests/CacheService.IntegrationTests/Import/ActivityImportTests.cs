using System.Globalization;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;

namespace CacheService.IntegrationTests.Import;

/// <summary>Activity by file: each line counts once.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ActivityImportTests
{
    private const int Lines = 6_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("import-");
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString);
        await _database.AddMessagesAsync(100);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Test]
    public async Task Activity_LoadedTwiceAndKilledInBetween_CountsOnce()
    {
        var path = Path.Combine(_folder.FullName, "clicks.csv");
        var lines = Enumerable.Range(0, Lines).Select(n => string.Create(
            CultureInfo.InvariantCulture, $"{1 + (n % 100)},{(n % 4 == 0 ? "fav" : n % 10 == 1 ? "de-rt" : "rt")},2018-07-{1 + (n % 28):00}T10:00:00Z"));
        await File.WriteAllLinesAsync(path, lines.Prepend("message,action,time").Append("1,smile,2018-07-01").Append("4711,rt,2018-07-01"));
        string[] args = ["import", "--activity", path, "--connection", _database.ConnectionString, "--address", _service.GrpcAddress.ToString()];
        await using (var other = await _database.OpenAsync())
        {
            // As somebody would who is about to delete the message: nothing can be added to it.
            await other.ExecuteAsync("begin; select from tweet.message where messageid = 50 for update");
            using var tool = new ToolProcess([.. args, "--max-load", "1"]);
            await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from tweet.activity") > 0, RunningService.Patience, "some are there");
            await tool.KillAsync();
        }

        // The same rows, said to be otherwise: they are not added a second time.
        var otherwise = await ToolRun.RunAsync([.. args, "--separator", ","]);
        Assert.That(otherwise.ExitCode, Is.EqualTo(1));
        Assert.That(otherwise.Error, Does.Contain("with other columns or options, and is added up to line"));
        var killedAt = await _database.QueryAsync<long>("select count(*) from tweet.activity");
        Assert.That(killedAt, Is.LessThan(50));
        await _service.AssertEqualsViewAsync(_database);
        var runs = await Task.WhenAll(ToolRun.RunAsync(args), ToolRun.RunAsync(args));
        Assert.That(
            runs.Select(run => run.OutputLines[0].Split(": ")[^1]).Order(),
            Is.EqualTo(new[] { "done, from where it was", "was loaded before, and nothing was done" }),
            runs[0].Error + runs[1].Error);
        Assert.That(runs.Select(run => run.OutputLines[1]), Is.All.EqualTo($"read {Lines + 2}, same 0, updated 0, inserted {Lines}, deleted 0, superseded 0, rejected 2"));
        Assert.That(
            runs[0].Error,
            Does.Contain($"line {Lines + 2}: invalid input value for enum tweet.action_t: \"smile\"").And.Contain($"line {Lines + 3}: messageid refers to a row of tweet.message that there is not"));
        Assert.That(await _database.QueryAsync<long>("select count(*) from tweet.activity"), Is.EqualTo(Lines));
        await _service.AssertEqualsViewAsync(_database);
        Assert.That(
            await _database.QueryAsync<long>("select count(*) from tweet.activity where datetime = '2018-07-01 10:00Z' and messageid = 1"),
            Is.EqualTo(Enumerable.Range(0, Lines).Count(n => n % 28 == 0 && n % 100 == 0)));
        Assert.That(
            await _database.QueryAsync<bool>(
                """
                select count(*) = (select count(*) from tweet.activity) and bool_and(before is null and after ->> 'messageid' is not null and after ->> 'datetime' like '2018-07-%')
                  from twimport.change
                """),
            "what was added is kept, each row once");
    }

    /// <summary>Where activity has a number of its own, the database gives it.</summary>
    [Test]
    public async Task Activity_WithAColumnId_IsNumberedByTheDatabase()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(
            """
            create schema tweet; create type tweet.action_t as enum ('rt', 'fav', 'de-rt', 'de-fav');
            create table tweet.activity (id bigint generated always as identity primary key, messageid bigint not null, action tweet.action_t not null, datetime timestamptz not null default now())
            """);
        var path = Path.Combine(_folder.FullName, "numbered.csv");
        await File.WriteAllTextAsync(path, "message,action,time\n7,rt,2018-07-01T10:00:00Z\n8,fav,2018-07-02T10:00:00Z\n");
        for (var time = 1; time <= 2; time++)
        {
            var run = await ToolRun.RunAsync("import", "--activity", path, "--connection", database.ConnectionString);
            Assert.That(run.OutputLines.ElementAtOrDefault(1), Does.Contain("read 2, same 0, updated 0, inserted 2,"), run.Error);
        }

        Assert.That(await database.QueryAsync<string>("select string_agg(format('%s %s', id, messageid), ', ' order by id) from tweet.activity"), Is.EqualTo("1 7, 2 8"));

        await File.WriteAllTextAsync(path, "id,message,action\n99,7,rt\n");
        var refused = await ToolRun.RunAsync("import", "--activity", path, "--connection", database.ConnectionString);
        Assert.That((refused.ExitCode, refused.Error.Contains("column 1, id, is made by the database itself", StringComparison.Ordinal)), Is.EqualTo((1, true)), refused.Error);
        var leftOut = await ToolRun.RunAsync("import", "--activity", path, "--columns", "-,messageid,action", "--connection", database.ConnectionString);
        Assert.That(leftOut.OutputLines.ElementAtOrDefault(1), Does.Contain("inserted 1,"), leftOut.Error);
    }
}
