using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Import;

/// <summary>What takes minutes: a million rows, a million activities. Each prints its figures.</summary>
[Explicit("takes minutes of all processors")]
internal sealed class ImportTrials
{
    private const int Rows = 1_000_000;
    private const int New = 10_000;
    private const int Bad = 1_000;

    // Each tenth of the 990,000 rows that are there; no bad one is among them.
    private const int Changed = 99_000;

    private static readonly TimeSpan LongPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LateAge = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    private TestDatabase _database = null!;
    private RunningService _service = null!;
    private DirectoryInfo _folder = null!;

    private string[] Args =>
    [
        "import", File, "--into", "moma.artist", "--key", "constituentid", "--connection", _database.ConnectionString, "--address", _service.GrpcAddress.ToString(), "--as-of", "2017-06-01",
    ];

    private static string Summary =>
        string.Create(CultureInfo.InvariantCulture, $"read {Rows}, same {Rows - New - Bad - Changed}, updated {Changed}, inserted {New}, deleted 0, superseded 0, rejected {Bad}");

    private string File => Path.Combine(_folder.FullName, "artists.csv");

    [SetUp]
    public async Task StartService()
    {
        _folder = Directory.CreateTempSubdirectory("import-");
        _database = await TestDatabase.CreateAsync();
        // As often as by default: what is measured is an import, and not what else goes on in other tests.
        _service = await RunningService.StartAsync(_database.ConnectionString, "--Rollup:Interval=00:00:10");
        await _database.AddMessagesAsync(1_000);
    }

    [TearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Test]
    public async Task Import_OfAMillionRows_BesideAThousandTransactionsASecond_HoldsUpNobody()
    {
        await FillAsync();
        WriteFile();
        await _database.ExecuteAsync("checkpoint");
        using var ending = new CancellationTokenSource();
        var others = new OtherWork(_database, ending.Token);
        var ages = new Times();
        var sampling = SampleAgesAsync(ages, ending.Token);
        await Pause.ForAsync(TimeSpan.FromSeconds(5));
        // One slice without the import, two beside it and one beside bare updates take turns, because the others' times change from minute to minute as well.
        var (without, beside, updated) = (new List<Measured>(), new List<Measured>(), new List<Measured>());
        ToolProcess? tool = null;
        while (tool is not { HasEnded: true })
        {
            without.Add(await MeasureAsync(others, ages, "without it", until: null));
            if (tool is null)
            {
                tool = new ToolProcess(Args);
            }
            else
            {
                await ProcessSignals.ThawAsync(tool.Id);
            }

            for (var slice = 1; slice <= 2 && !tool.HasEnded; slice++)
            {
                beside.Add(await MeasureAsync(others, ages, "beside it", until: tool));
            }

            await FreezeIdleAsync(tool);
            using var updating = new CancellationTokenSource();
            var updates = UpdateRowByRowAsync(updating.Token);
            updated.Add(await MeasureAsync(others, ages, "beside bare updates", until: null));
            await updating.CancelAsync();
            await updates;
        }

        without.Add(await MeasureAsync(others, ages, "without it", until: null));
        await ending.CancelAsync();
        await Task.WhenAll(others.EndAsync(), sampling);
        var (exitCode, output, error) = await tool.WaitAsync(LongPatience);
        tool.Dispose();
        await TestContext.Progress.WriteLineAsync(
            $"exit code {exitCode} after {beside.Sum(slice => slice.Took.TotalSeconds):F0} s of its own\n{output}{string.Join('\n', error.Split('\n')[^14..])}\n"
            + $"medians of slices: without it          {Medians(without)}\n                   beside it           {Medians(beside)}\n                   beside bare updates {Medians(updated)}");
        Assert.That(output, Does.Contain(Summary));
        await AssertTableIsRightAsync();
        await _service.AssertEqualsViewAsync(_database);
        Assert.That((await System.IO.File.ReadAllLinesAsync($"{File}.rejects.csv"))[1], Does.StartWith("8,\"invalid input syntax for type integer: \"\"unknown\"\"\",7,"));
    }

    [Test]
    public async Task Import_OfAMillionRows_KilledThreeTimes_ComesToTheSameAsInOneGo()
    {
        await FillAsync();
        WriteFile();
        for (var kill = 1; kill <= 3; kill++)
        {
            using var tool = new ToolProcess([.. Args, "--max-load", "1"]);
            var goal = kill * Rows / 5;
            await Wait.UntilAsync(
                async () => await _database.QueryAsync<bool>("select to_regclass('twimport.load') is not null")
                    && await _database.QueryAsync<long>("select coalesce(max(place), 0) from twimport.load") > goal,
                LongPatience,
                "it gets on");
            await tool.KillAsync();
            await TestContext.Progress.WriteLineAsync($"killed at line {await _database.QueryAsync<long>("select max(place) from twimport.load")}");
        }

        using var last = new ToolProcess([.. Args, "--max-load", "1"]);
        var (_, output, _) = await last.WaitAsync(LongPatience);
        await TestContext.Progress.WriteLineAsync(output);
        Assert.That(output, Does.Contain("from where it was").And.Contain(Summary));
        await AssertTableIsRightAsync();
    }

    [Test]
    public async Task Import_AgainstCopyAndMerge_OfTheSameRows()
    {
        await FillAsync();
        WriteFile(bad: false);
        foreach (var (name, run) in new (string, Func<Task>)[] { ("copy and merge", MergeByPsqlAsync), ("import --max-load 1", ImportAsync) })
        {
            await _database.ExecuteAsync("drop schema if exists twimport cascade; truncate moma.artist");
            await FillAsync();
            using var ending = new CancellationTokenSource();
            var others = new OtherWork(_database, ending.Token, artistsOnly: true);
            var begun = Stopwatch.GetTimestamp();
            await Pause.ForAsync(TimeSpan.FromSeconds(3));
            var started = Stopwatch.GetTimestamp();
            await run();
            var ended = Stopwatch.GetTimestamp();
            await ending.CancelAsync();
            await others.EndAsync();
            await TestContext.Progress.WriteLineAsync(
                $"{name}: {Stopwatch.GetElapsedTime(started, ended).TotalSeconds:F1} s; writers of the same rows without it: {others.Times.Between(begun, started)}; "
                + $"beside it: {others.Times.Between(started, ended)}");
            Assert.That(await _database.QueryAsync<long>("select count(*) from moma.artist where bio like 'changed %'"), Is.EqualTo(Changed + (New / 10)));
        }

        async Task ImportAsync()
        {
            using var tool = new ToolProcess([.. Args, "--max-load", "1"]);
            await tool.WaitAsync(LongPatience);
        }

        Task<string> MergeByPsqlAsync() => PostgresTools.RunAsync(
            "psql",
            _database.ConnectionString,
            "-X", "-q", "-v", "ON_ERROR_STOP=1",
            "-c", "drop table if exists moma.batch; create unlogged table moma.batch (constituentid int primary key, name text, bio text, nationality text, gender text, begin int)",
            "-c", $"\\copy moma.batch from '{File}' with (format csv, header)",
            "-c",
            """
            merge into moma.artist t using moma.batch b on t.constituentid = b.constituentid
             when matched and (t.name, t.bio, t.nationality, t.gender, t.begin) is distinct from (b.name, b.bio, b.nationality, b.gender, b.begin)
                  then update set name = b.name, bio = b.bio, nationality = b.nationality, gender = b.gender, begin = b.begin
             when not matched then insert (constituentid, name, bio, nationality, gender, begin) values (b.constituentid, b.name, b.bio, b.nationality, b.gender, b.begin)
            """);
    }

    [Test]
    public async Task Activity_OfAMillionLines_LoadedTwiceAndKilledInBetween_CountsOnce()
    {
        await System.IO.File.WriteAllLinesAsync(
            File,
            Enumerable.Range(0, Rows)
                .Select(n => string.Create(CultureInfo.InvariantCulture, $"{1 + (n % 1_000)},{(n % 4 == 0 ? "fav" : n % 10 == 1 ? "de-rt" : "rt")},2018-07-{1 + (n % 28):00}T10:00:00Z"))
                .Prepend("message,action,time"));

        string[] args = ["import", "--activity", File, "--connection", _database.ConnectionString, "--address", _service.GrpcAddress.ToString(), "--max-load", "0.2"];
        for (var kill = 1; kill <= 2; kill++)
        {
            using var tool = new ToolProcess(args);
            var goal = kill * Rows / 4;
            await Wait.UntilAsync(async () => await _database.QueryAsync<long>("select count(*) from tweet.activity") > goal, LongPatience, "it gets on");
            await tool.KillAsync();
            await TestContext.Progress.WriteLineAsync($"killed at {await _database.QueryAsync<long>("select count(*) from tweet.activity")} rows");
        }

        var started = Stopwatch.GetTimestamp();
        using var last = new ToolProcess(args);
        using var ending = new CancellationTokenSource();
        var ages = new Times();
        var sampling = SampleAgesAsync(ages, ending.Token);
        var (_, rest, _) = await last.WaitAsync(LongPatience);
        var took = Stopwatch.GetElapsedTime(started);
        await ending.CancelAsync();
        await sampling;
        await TestContext.Progress.WriteLineAsync($"{rest}the rest after {took.TotalSeconds:F1} s; age beside it: {ages.Between(started, Stopwatch.GetTimestamp())}");
        using var again = new ToolProcess(args);
        var (exitCode, output, error) = await again.WaitAsync(LongPatience);
        await TestContext.Progress.WriteLineAsync(output);
        Assert.That((exitCode, output.Contains("was loaded before", StringComparison.Ordinal)), Is.EqualTo((0, true)), error);
        Assert.That(await _database.QueryAsync<long>("select count(*) from tweet.activity"), Is.EqualTo(Rows));
        await _service.AssertEqualsViewAsync(_database);
    }

    private async Task FillAsync()
    {
        await _database.ExecuteAsync(
            $"""
            create schema if not exists moma;
            create table if not exists moma.artist (
                constituentid int primary key, name text not null, bio text, nationality text, gender text, begin int, "end" int, wiki_qid text, ulan text, visits int not null default 0);
            insert into moma.artist select n, 'Artist ' || n, 'bio ' || n, case when n % 7 <> 0 then 'American' end, 'Female', 1800 + n % 200 from generate_series(1, {Rows}) n
            """);
        // The server would do it by itself, in the middle of what is measured.
        await _database.ExecuteAsync("vacuum analyze moma.artist");
    }

    private void WriteFile(bool bad = true)
    {
        using var writer = new StreamWriter(File);
        writer.WriteLine("constituentid,name,bio,nationality,gender,begin");
        for (var id = 1; id <= Rows + New; id++)
        {
            if (id is <= Rows - New or > Rows)
            {
                writer.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{id},Artist {id},{(id % 10 == 0 ? "changed" : "bio")} {id},{(id % 7 == 0 ? "" : "American")},Female,{(bad && id % 990 == 7 && id <= Rows ? "unknown" : 1800 + (id % 200))}"));
            }
        }
    }

    private async Task AssertTableIsRightAsync() => Assert.That(
        await _database.QueryAsync<long>(
            $"""
            select count(*) from generate_series(1, {Rows + New}) n left join moma.artist a on a.constituentid = n
             where (a.name, a.bio, a.nationality, a.gender, a.begin) is distinct from
                   ('Artist ' || n, case when n % 10 = 0 and (n <= {Rows - New} or n > {Rows}) and not (n % 990 = 7 and n <= {Rows}) then 'changed ' else 'bio ' end || n,
                    case when n % 7 <> 0 then 'American' end, 'Female', 1800 + n % 200)
            """),
        Is.Zero,
        "rows that are not as the file and the table before say");

    /// <summary>Measures for the time of a slice, or until the import has ended.</summary>
    private static async Task<Measured> MeasureAsync(OtherWork others, Times ages, string what, ToolProcess? until)
    {
        var started = Stopwatch.GetTimestamp();
        await Pause.ForAsync(Settling);
        var from = Stopwatch.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (Stopwatch.GetElapsedTime(from) < Slice && until is not { HasEnded: true })
        {
            await tick.WaitForNextTickAsync();
        }

        var to = Stopwatch.GetTimestamp();
        var measured = new Measured(Stopwatch.GetElapsedTime(started), others.Times.Between(from, to), ages.Between(from, to));
        // The last one beside it may be too short to tell anything.
        if (measured.IsLong)
        {
            await TestContext.Progress.WriteLineAsync($"{what} for {measured.Took.TotalSeconds:F0} s: others {measured.Others}; age {measured.Ages}");
        }

        return measured;
    }

    private static string Medians(IReadOnlyList<Measured> slices)
    {
        string Of(Func<Measured, double> value)
        {
            var values = slices.Where(slice => slice.IsLong).Select(value).Order().ToList();
            return string.Create(CultureInfo.InvariantCulture, $"{(values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2:F2} ms");
        }

        return $"p50 {Of(slice => slice.Others.Of(0.5))}, p99 {Of(slice => slice.Others.Of(0.99))}, p99.9 {Of(slice => slice.Others.Of(0.999))}, the age's p99 {Of(slice => slice.Ages.Of(0.99))}";
    }

    /// <summary>Freezes an import between two of its transactions, because one that is under way would hold up the others.</summary>
    private async Task FreezeIdleAsync(ToolProcess tool)
    {
        while (!tool.HasEnded)
        {
            await ProcessSignals.FreezeAsync(tool.Id);
            if (await _database.QueryAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and application_name like 'tweetcounts%' and state <> 'idle'") == 0)
            {
                return;
            }

            await ProcessSignals.ThawAsync(tool.Id);
        }
    }

    /// <summary>What changed rows cost without an import: one a millisecond, each by its key in a transaction of its own that waits for no disk.</summary>
    private async Task UpdateRowByRowAsync(CancellationToken ending)
    {
        await using var connection = await _database.OpenAsync();
        await connection.ExecuteAsync("set synchronous_commit = off");
        await using var update = new NpgsqlCommand("update moma.artist set visits = visits + 1 where constituentid = $1", connection) { Parameters = { new NpgsqlParameter<long>() } };
        await update.PrepareAsync(CancellationToken.None);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        for (var row = 1; !ending.IsCancellationRequested; row = (row % Rows) + 10)
        {
            ((NpgsqlParameter<long>)update.Parameters[0]).TypedValue = row;
            await update.ExecuteNonQueryAsync(CancellationToken.None);
            await tick.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task SampleAgesAsync(Times ages, CancellationToken ending)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!ending.IsCancellationRequested)
        {
            await tick.WaitForNextTickAsync(CancellationToken.None);
            ages.Add((await _service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 }, cancellationToken: CancellationToken.None)).Freshness.Age.ToTimeSpan());
        }
    }

    /// <summary>What a slice of time was like.</summary>
    private sealed record Measured(TimeSpan Took, Spread Others, Spread Ages)
    {
        public bool IsLong => Took > Slice / 2;
    }

    /// <summary>Milliseconds, in order.</summary>
    private sealed record Spread(IReadOnlyList<double> Ascending)
    {
        public double Of(double share) => Ascending[(int)(Ascending.Count * share)];

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"{Ascending.Count} times, p50 {Of(0.5):F2} ms, p99 {Of(0.99):F2} ms, p99.9 {Of(0.999):F2} ms, longest {Ascending[^1]:F1} ms, {Ascending.Count(time => time > LateAge.TotalMilliseconds)} above 50 ms");
    }

    /// <summary>How long something took, again and again.</summary>
    private sealed class Times
    {
        private readonly ConcurrentQueue<(long At, double Milliseconds)> _all = new();

        public void Add(TimeSpan took) => _all.Enqueue((Stopwatch.GetTimestamp(), took.TotalMilliseconds));

        public Spread Between(long from, long to) => new([.. _all.Where(each => each.At >= from && each.At < to).Select(each => each.Milliseconds).Order()]);
    }

    /// <summary>A thousand transactions a second over ten connections: retweets, and one in ten changes a row of the table that is imported into.</summary>
    private sealed class OtherWork
    {
        private readonly List<Task> _writers;

        public OtherWork(TestDatabase database, CancellationToken ending, bool artistsOnly = false) =>
            _writers = [.. Enumerable.Range(0, 10).Select(seed => Task.Run(() => WriteAsync(database, seed, artistsOnly, ending)))];

        public Times Times { get; } = new();

        public Task EndAsync() => Task.WhenAll(_writers);

        private async Task WriteAsync(TestDatabase database, int seed, bool artistsOnly, CancellationToken ending)
        {
            var random = new Random(seed);
            await using var connection = await database.OpenAsync();
            await using var retweet = new NpgsqlCommand("insert into tweet.activity (messageid, action) values ($1, 'rt')", connection) { Parameters = { new NpgsqlParameter<long>() } };
            await using var visit = new NpgsqlCommand("update moma.artist set visits = visits + 1 where constituentid = $1", connection) { Parameters = { new NpgsqlParameter<long>() } };
            await retweet.PrepareAsync(CancellationToken.None);
            await visit.PrepareAsync(CancellationToken.None);
            var clock = Stopwatch.StartNew();
            // At times of its own, because ten in step would wait for each other.
            for (var due = TimeSpan.Zero; !ending.IsCancellationRequested; due += TimeSpan.FromMilliseconds(20 * random.NextDouble()))
            {
                if (due - clock.Elapsed is var early && early >= TimeSpan.FromMilliseconds(1))
                {
                    await Pause.ForAsync(early);
                }

                var isVisit = artistsOnly || random.Next(10) == 0;
                var command = isVisit ? visit : retweet;
                ((NpgsqlParameter<long>)command.Parameters[0]).TypedValue = isVisit ? random.Next(1, Rows + 1) : random.Next(1, 1_001);
                var started = Stopwatch.GetTimestamp();
                await command.ExecuteNonQueryAsync(CancellationToken.None);
                Times.Add(Stopwatch.GetElapsedTime(started));
            }
        }
    }
}
