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
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(20);

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
        using var ending = new CancellationTokenSource();
        var others = new OtherWork(_database, ending.Token);
        await Pause.ForAsync(TimeSpan.FromSeconds(5));
        others.Begin();
        var agesBefore = await SampleAgesAsync(Pause.ForAsync(Calm));
        others.Begin();
        var started = Stopwatch.GetTimestamp();
        using var tool = new ToolProcess(Args);
        var ended = tool.WaitAsync(LongPatience);
        var ages = await SampleAgesAsync(ended);
        var (exitCode, output, error) = await ended;
        var took = Stopwatch.GetElapsedTime(started);
        others.Begin();
        await ending.CancelAsync();
        var (before, during) = await others.EndAsync();
        await TestContext.Progress.WriteLineAsync(
            $"exit code {exitCode} after {took.TotalSeconds:F1} s\n{output}{string.Join('\n', error.Split('\n')[^14..])}\n"
            + $"others without it: {before}\nothers beside it:  {during}\nage without it: {agesBefore}\nage beside it:  {ages}");
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
            others.Begin();
            await Pause.ForAsync(TimeSpan.FromSeconds(3));
            others.Begin();
            var started = Stopwatch.GetTimestamp();
            await run();
            var took = Stopwatch.GetElapsedTime(started);
            await ending.CancelAsync();
            var (before, during) = await others.EndAsync();
            await TestContext.Progress.WriteLineAsync($"{name}: {took.TotalSeconds:F1} s; writers of the same rows without it: {before}; beside it: {during}");
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
        var ended = last.WaitAsync(LongPatience);
        var ages = await SampleAgesAsync(ended);
        await TestContext.Progress.WriteLineAsync($"{(await ended).Output}the rest after {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s; age beside it: {ages}");
        using var again = new ToolProcess(args);
        var (exitCode, output, error) = await again.WaitAsync(LongPatience);
        await TestContext.Progress.WriteLineAsync(output);
        Assert.That((exitCode, output.Contains("was loaded before", StringComparison.Ordinal)), Is.EqualTo((0, true)), error);
        Assert.That(await _database.QueryAsync<long>("select count(*) from tweet.activity"), Is.EqualTo(Rows));
        await _service.AssertEqualsViewAsync(_database);
    }

    private Task FillAsync() => _database.ExecuteAsync(
        $"""
        create schema if not exists moma;
        create table if not exists moma.artist (
            constituentid int primary key, name text not null, bio text, nationality text, gender text, begin int, "end" int, wiki_qid text, ulan text, visits int not null default 0);
        insert into moma.artist select n, 'Artist ' || n, 'bio ' || n, case when n % 7 <> 0 then 'American' end, 'Female', 1800 + n % 200 from generate_series(1, {Rows}) n;
        analyze moma.artist
        """);

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

    private async Task<string> SampleAgesAsync(Task until)
    {
        var ages = new List<double>();
        var late = new List<string>();
        var started = Stopwatch.GetTimestamp();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!until.IsCompleted)
        {
            await tick.WaitForNextTickAsync();
            var age = (await _service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 })).Freshness.Age.ToTimeSpan();
            ages.Add(age.TotalMilliseconds);
            if (age > LateAge)
            {
                late.Add(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started).TotalSeconds:F2}"));
            }
        }

        return $"{OtherWork.Words([.. ages.Order()])}; above {LateAge.TotalMilliseconds} ms at these seconds: {string.Join(' ', late.Take(200))}";
    }

    /// <summary>A thousand transactions a second over ten connections: retweets, and one in ten changes a row of the table that is imported into.</summary>
    private sealed class OtherWork
    {
        private readonly ConcurrentQueue<(double Milliseconds, int Phase)> _waits = new();
        private readonly List<Task> _writers;
        private readonly Stopwatch _phase = new();
        private readonly List<double> _seconds = [];
        private volatile int _number;

        public OtherWork(TestDatabase database, CancellationToken ending, bool artistsOnly = false) =>
            _writers = [.. Enumerable.Range(0, 10).Select(seed => Task.Run(() => WriteAsync(database, seed, artistsOnly, ending)))];

        public void Begin()
        {
            _seconds.Add(_phase.Elapsed.TotalSeconds);
            _phase.Restart();
            _number++;
        }

        /// <summary>How long they took in the first phase, and in the second.</summary>
        public async Task<(string First, string Second)> EndAsync()
        {
            _seconds.Add(_phase.Elapsed.TotalSeconds);
            await Task.WhenAll(_writers);
            return (Of(1), Of(2));
        }

        public static string Words(List<double> ascending) =>
            $"{ascending.Count} times, p50 {ascending[ascending.Count / 2]:F1} ms, p99 {ascending[(int)(ascending.Count * 0.99)]:F1} ms, "
            + $"p99.9 {ascending[(int)(ascending.Count * 0.999)]:F1} ms, longest {ascending[^1]:F1} ms";

        private string Of(int phase)
        {
            var waits = _waits.Where(wait => wait.Phase == phase).Select(wait => wait.Milliseconds).Order().ToList();
            return $"{waits.Count / _seconds[phase]:F0} a second, {Words(waits)}";
        }

        private async Task WriteAsync(TestDatabase database, int seed, bool artistsOnly, CancellationToken ending)
        {
            var random = new Random(seed);
            await using var connection = await database.OpenAsync();
            await using var retweet = new NpgsqlCommand("insert into tweet.activity (messageid, action) values ($1, 'rt')", connection) { Parameters = { new NpgsqlParameter<long>() } };
            await using var visit = new NpgsqlCommand("update moma.artist set visits = visits + 1 where constituentid = $1", connection) { Parameters = { new NpgsqlParameter<long>() } };
            await retweet.PrepareAsync(CancellationToken.None);
            await visit.PrepareAsync(CancellationToken.None);
            using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
            while (!ending.IsCancellationRequested)
            {
                await tick.WaitForNextTickAsync(CancellationToken.None);
                var isVisit = artistsOnly || random.Next(10) == 0;
                var command = isVisit ? visit : retweet;
                ((NpgsqlParameter<long>)command.Parameters[0]).TypedValue = isVisit ? random.Next(1, Rows + 1) : random.Next(1, 1_001);
                var phase = _number;
                var started = Stopwatch.GetTimestamp();
                await command.ExecuteNonQueryAsync(CancellationToken.None);
                _waits.Enqueue((Stopwatch.GetElapsedTime(started).TotalMilliseconds, phase));
            }
        }
    }
}
