namespace CacheService.Tests.Architecture;

/// <summary>Which folder of the service knows which. A folder is a concept, so what it knows says what it can be understood, tested and changed without.</summary>
internal sealed class FolderArrowsTests
{
    /// <summary>
    /// All arrows that there are, but those of the root: it puts the service together and knows them all. A new one is to be thought about before it is entered here:
    /// counts know nobody, the feed knows no API and no health, APIs only translate.
    /// </summary>
    private static readonly Dictionary<string, string> Allowed = new()
    {
        ["Api"] = "Api.Messages Api.Watches Auditing Jobs Metrics Postgres Reading Reloading Watching",
        ["Api.Grpc"] = "Api Api.Grpc.Serialization Api.Messages Api.Watches Auditing Counts Feed Health Health.Protocol History Reading Reloading Security Watching",
        ["Api.Grpc.Serialization"] = "Api.Messages Counts Feed Reading Watching",
        ["Api.Http"] = "Api Api.Messages Api.Problems Api.Watches Auditing Counts Feed History ImportJob Jobs Reading Reloading Security Watching",
        ["Api.Messages"] = "Auditing Counts Feed History Jobs Reading Reloading Rollup Watching",
        ["Api.Page"] = "Jobs Security",
        ["Api.Watches"] = "Api.Messages Concurrency Counts Feed Reading Watching",
        ["Auditing"] = "Concurrency Counts Feed Metrics Postgres Settings",
        ["Feed"] = "Concurrency Counts Metrics Postgres Settings",
        ["Feed.Postgres"] = "Counts Feed Postgres Rollup",
        ["Health"] = "Feed Health.Protocol Shutdown",
        ["History"] = "Counts Feed Metrics Watching",
        ["ImportJob"] = "Import Jobs Reading Settings",
        ["Jobs"] = "Concurrency Feed Metrics Postgres Settings",
        ["Jobs.BuiltIn"] = "Auditing Counts Feed Jobs Reading Rollup",
        ["Postgres"] = "Postgres.Addresses Postgres.Embedded Settings",
        ["Reading"] = "Concurrency Counts Feed Metrics Postgres Settings",
        ["Reloading"] = "Counts Feed Postgres Reading",
        ["Replication"] = "Api.Messages Concurrency Counts Feed Metrics Postgres Reading Settings",
        ["Rollup"] = "Feed Postgres Settings",
        ["Security"] = "Api.Problems Metrics Reading Settings",
        ["Shutdown"] = "Postgres Settings",
        ["Telemetry"] = "Auditing Counts Feed Jobs Metrics Postgres Rollup Security Settings Watching",
        ["Watching"] = "Concurrency Counts Settings",
    };

    private static readonly IReadOnlyList<SourceFile> Files = SourceFile.All();
    private static readonly IReadOnlyList<FolderArrow> Arrows = FolderArrow.All(Files);

    [Test]
    public async Task Arrows_OfTheSource_AreThoseOfTheList()
    {
        var found = Arrows.Where(arrow => arrow.From != FolderArrow.Root).ToLookup(arrow => (arrow.From, arrow.To), arrow => arrow.Evidence);
        foreach (var folder in found.GroupBy(arrow => arrow.Key.From, arrow => arrow.Key.To).OrderBy(folder => folder.Key, StringComparer.Ordinal))
        {
            await TestContext.Out.WriteLineAsync($"{folder.Key} -> {string.Join(" ", folder.Order(StringComparer.Ordinal))}");
        }

        var allowed = Allowed.SelectMany(folder => folder.Value.Split(' ').Select(to => (folder.Key, to))).ToHashSet();
        var added = found.Where(arrow => !allowed.Contains(arrow.Key)).Select(arrow => $"new: {arrow.Key.From} -> {arrow.Key.To}: {string.Join("; ", arrow)}");
        var stale = allowed.Where(arrow => !found.Contains(arrow)).Select(arrow => $"no more: {arrow.Key} -> {arrow.to}");
        Assert.That(added.Concat(stale), Is.Empty);
    }

    [Test]
    public void Arrows_Followed_LeadNowhereBack()
    {
        var open = Arrows.ToList();
        while (open.RemoveAll(arrow => open.TrueForAll(other => other.From != arrow.To) || open.TrueForAll(other => other.To != arrow.From)) > 0)
        {
        }

        // What is left lies on circles, or between two.
        Assert.That(open.Select(arrow => $"{arrow.From} -> {arrow.To}: {arrow.Evidence}"), Is.Empty);
    }

    [Test]
    public void Files_Always_StandInTheFolderOfTheirNamespace()
    {
        var strays = Files.Where(file => file.Path != "Program.cs" && $"{file.Namespace}." != $"CacheService/{file.Path}"[..^Path.GetFileName(file.Path).Length].Replace('/', '.'));
        Assert.That(strays.Select(file => $"{file.Path}: {file.Namespace}"), Is.Empty);
    }
}
