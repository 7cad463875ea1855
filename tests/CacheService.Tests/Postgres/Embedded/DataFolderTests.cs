using CacheService.Postgres.Embedded;

namespace CacheService.Tests.Postgres.Embedded;

public sealed class DataFolderTests
{
    [Test]
    public void Find_Chosen_IsThatFolder() =>
        Assert.That(Find(("Embedded__DataDirectory", "somewhere"), ("XDG_DATA_HOME", "/data")), Is.EqualTo(Path.GetFullPath("somewhere")));

    [Test]
    [Platform("Linux")]
    public void Find_NothingChosen_IsWhereThisUserKeepsData() =>
        Assert.That(Find(("XDG_DATA_HOME", "/data")), Is.EqualTo(Environment.IsPrivilegedProcess ? "/var/lib/cacheservice" : "/data/cacheservice"));

    [TestCase("")]
    [TestCase("relative")]
    public void Find_UselessXdgFolder_IsIgnored(string folder) =>
        Assert.That(Find(("Embedded__DataDirectory", ""), ("XDG_DATA_HOME", folder)), Is.EqualTo(Find()).And.EndsWith("cacheservice"));

    [Test]
    public void Default_InThisProcess_IsAbsolute() => Assert.That(Path.IsPathFullyQualified(DataFolder.Default));

    private static string Find(params (string Name, string Value)[] variables) =>
        DataFolder.Find(name => variables.FirstOrDefault(v => v.Name == name).Value);
}
