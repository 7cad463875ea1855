using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using CacheService.Postgres;

namespace CacheService.Tests.Postgres;

internal sealed partial class SqlFilesTests
{
    // Of each file's text, by name and version. A step (below 900) keeps its text for ever, because databases hold it: what
    // is new goes into another step. A definition whose text changes gets the next version, or no database would get it.
    private static readonly Dictionary<string, (int Version, string Hash)> Known = new()
    {
        ["010_check.sql"] = (2, "eaa644401395eb9d"),
        ["020_application.sql"] = (1, "696b08352c2139f4"),
        ["030_change_log.sql"] = (1, "3b7383bd93730fc3"),
        ["040_rollup.sql"] = (1, "989f2d255d56e793"),
        ["905_baseline.sql"] = (1, "9625b3e62c543e0a"),
        ["910_functions.sql"] = (2, "ad8abc5fbf83e7d9"),
        ["915_changes.sql"] = (1, "4a59f43c83ce7cc4"),
        ["920_triggers.sql"] = (2, "ed0e4f4b4e933a24"),
        ["930_view.sql"] = (1, "961821b0215d81ab"),
        ["932_rollup.sql"] = (1, "2dd332bcc8e59d9e"),
        ["935_problems.sql"] = (2, "61f5f0737a492cce"),
        ["940_roles.sql"] = (2, "59daaa4cb62e8496"),
    };

    [Test]
    public void Files_AreThoseThatAreKnownByVersionAndText() =>
        Assert.That(
            SqlFiles.All.Select(file => (file.Name, file.Version, Hash(file.Text))),
            Is.EqualTo(Known.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, entry.Value.Version, entry.Value.Hash))));

    [Test]
    public void Check_KnowsEveryFileWithItsVersion_AndThoseOfEarlierVersions()
    {
        var known = KnownFile().Matches(SqlFiles.Read(SqlFiles.Check)).ToDictionary(match => match.Groups["name"].Value, match => int.Parse(match.Groups["version"].Value));
        var expected = SqlFiles.All.Select(file => (file.Name, file.Version)).Concat(SqlFiles.EarlierNames.Select(name => (name, 1)));
        Assert.That(known.Select(entry => (entry.Key, entry.Value)), Is.EquivalentTo(expected));
    }

    [Test]
    public void Statements_HaveNoTransactionOfTheirOwn()
    {
        foreach (var file in SqlFiles.All)
        {
            Assert.That(TransactionLine().Count(file.Text), Is.EqualTo(2), file.Name);
            Assert.That(TransactionLine().Count(file.Statements), Is.Zero, file.Name);
        }
    }

    [TestCase("910_functions.sql", 0, ExpectedResult = "later: no, missing: 910_functions.sql")]
    [TestCase("910_functions.sql", 99, ExpectedResult = "later: sql/910_functions.sql in version 99, where this service has VERSION, missing: ")]
    [TestCase("911_more.sql", 1, ExpectedResult = "later: sql/911_more.sql, which this service does not have, missing: ")]
    [TestCase("002_tweet.sql", 1, ExpectedResult = "later: no, missing: ")]
    public string Record_WithAFileInAVersion_SaysWhatIsMissingAndWhatIsLater(string name, int version)
    {
        var applied = SqlFiles.All.ToDictionary(file => file.Name, file => file.Version);
        applied[name] = version;
        var record = SchemaRecord.Compare(applied);
        var own = SqlFiles.All.FirstOrDefault(file => file.Name == name)?.Version;
        return $"later: {record.Later?.Replace($"service has {own}", "service has VERSION", StringComparison.Ordinal) ?? "no"}, missing: {string.Join(' ', record.Missing.Select(file => file.Name))}";
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];

    [GeneratedRegex("\"(?<name>[0-9]{3}_[a-z_]+\\.sql)\": (?<version>[0-9]+)")]
    private static partial Regex KnownFile();

    [GeneratedRegex("^(begin [a-z ]+|commit);$", RegexOptions.Multiline)]
    private static partial Regex TransactionLine();
}
