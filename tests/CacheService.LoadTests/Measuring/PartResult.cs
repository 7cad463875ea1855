namespace CacheService.LoadTests.Measuring;

/// <summary>What a part of the load test has found.</summary>
internal sealed class PartResult(string name, string title)
{
    public string Name { get; } = name;

    public string Title { get; } = title;

    public List<Scenario> Scenarios { get; } = [];

    /// <summary>How to read the figures.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>What was left out, and why.</summary>
    public List<string> NotRun { get; } = [];

    /// <summary>Where the cache differed from the view. Anything here voids the run.</summary>
    public List<string> WrongAnswers { get; } = [];

    /// <summary>How many messages were compared with the view.</summary>
    public long Compared { get; set; }

    public Scenario? Find(string scenario) => Scenarios.FirstOrDefault(each => each.Name == scenario);
}
