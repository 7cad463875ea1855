namespace CacheService.LoadTests.Options;

/// <summary>What is measured, and for how long.</summary>
internal sealed record LoadTestOptions
{
    /// <summary>What is measured where nobody says otherwise.</summary>
    public static LoadTestOptions Usual { get; } = new();

    /// <summary>Whether everything works: a figure for each goal, but those of 10 million messages and of the start of what was published, and all of them rough.</summary>
    public static LoadTestOptions Quick { get; } = new()
    {
        Round = TimeSpan.FromSeconds(0.3),
        Rounds = 1,
        ManyRowsMessages = 100,
        Callers = [1, 8, 64],
        Writers = [8, 32],
        LoadSizes = [100_000],
        SeriesRetweets = [10],
        HeldFor = TimeSpan.FromMinutes(2),
    };

    /// <summary>Everything, in longer rounds.</summary>
    public static LoadTestOptions Full { get; } = new()
    {
        Parts = PartNames.All,
        Round = TimeSpan.FromSeconds(3),
        Rounds = 5,
        ManyRowsMessages = 1_000,
        IsEverythingReadFromManyRows = true,
        LoadSizes = [100_000, 1_000_000, 10_000_000],
    };

    public IReadOnlyList<string> Parts { get; init; } = PartNames.Usual;

    /// <summary>How long a candidate is measured before it is the next one's turn. pgbench counts in whole seconds, and gets at least one.</summary>
    public TimeSpan Round { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a candidate writes, once, before anything of it is measured: for code that is still to be compiled, and the caches of the system.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(1);

    public int Rounds { get; init; } = 3;

    public int Messages { get; init; } = 10_000;

    public int Rows { get; init; } = 100;

    public int ManyRowsMessages { get; init; } = 300;

    public int ManyRows { get; init; } = 10_000;

    /// <summary>Whether the reads that never see a row of activity are measured with many rows too.</summary>
    public bool IsEverythingReadFromManyRows { get; init; }

    public IReadOnlyList<int> Callers { get; init; } = [1, 8, 64, 256];

    public IReadOnlyList<int> Writers { get; init; } = [1, 8, 32];

    public int BulkRows { get; init; } = 100_000;

    public IReadOnlyList<int> Rates { get; init; } = [10, 1_000, 5_000];

    /// <summary>Streams of everything at once.</summary>
    public IReadOnlyList<int> Streams { get; init; } = [500, 2_048];

    /// <summary>Streams of some messages at once.</summary>
    public IReadOnlyList<int> KeyStreams { get; init; } = [5_000, 10_000];

    /// <summary>Changes of one transaction, each of another message.</summary>
    public int BulkChanges { get; init; } = 1_000_000;

    public IReadOnlyList<int> LoadSizes { get; init; } = [100_000, 1_000_000];

    /// <summary>How often the application is killed that keeps Redis beside the database.</summary>
    public int Kills { get; init; } = 10;

    /// <summary>Workers at once in the articles' benchmarks.</summary>
    public int SeriesWorkers { get; init; } = 100;

    /// <summary>Retweets of each worker there.</summary>
    public IReadOnlyList<int> SeriesRetweets { get; init; } = [10, 50, 100];

    /// <summary>How long a transaction is held open; a dump is under way, and a slot is stale, for a sixth of it each.</summary>
    public TimeSpan HeldFor { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The folder of the service, published for this system with the runtime. Null: its start is not measured.</summary>
    public string? Published { get; init; }

    public string Output { get; init; } = "artifacts/loadtest";

    /// <summary>The longest round, of those that need more samples or whole seconds.</summary>
    public TimeSpan LongRound => TimeSpan.FromSeconds(Math.Ceiling(Round.TotalSeconds * 2));
}
