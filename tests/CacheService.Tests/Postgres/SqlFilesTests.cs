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
        ["010_check.sql"] = (4, "4c38c6db6a64d158"),
        ["020_application.sql"] = (1, "696b08352c2139f4"),
        ["030_change_log.sql"] = (1, "3b7383bd93730fc3"),
        ["040_rollup.sql"] = (1, "989f2d255d56e793"),
        ["050_table_log.sql"] = (1, "9328e383f0335bd9"),
        ["060_days.sql"] = (1, "c7107e63053ecec0"),
        ["070_jobs.sql"] = (1, "f688a8c32e0e422b"),
        ["905_baseline.sql"] = (2, "55d0407f850e1b58"),
        ["906_days.sql"] = (1, "e433dcb1760c9802"),
        ["910_functions.sql"] = (3, "166f6637ae6a66b6"),
        ["915_changes.sql"] = (2, "df564e31f869c1ca"),
        ["920_triggers.sql"] = (4, "c1e60cf9f7a61191"),
        ["930_view.sql"] = (1, "961821b0215d81ab"),
        ["932_rollup.sql"] = (2, "2588f81d79456a87"),
        ["935_problems.sql"] = (4, "116d11b7cd5c8bc7"),
        ["936_set_log.sql"] = (1, "40f75344e8ab70ce"),
        ["940_roles.sql"] = (3, "e88bd883a28ce468"),
        ["950_jobs.sql"] = (1, "72aa129fbee45aeb"),
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
