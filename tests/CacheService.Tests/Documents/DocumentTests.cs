using System.Text.RegularExpressions;
using CacheService.Settings;
using CacheService.Tool.Output;

namespace CacheService.Tests.Documents;

/// <summary>Documents lead somewhere: their links, the files, the settings and the commands that they name.</summary>
internal sealed partial class DocumentTests
{
    private static IEnumerable<string> Documents => Repository.Documents;

    [Test]
    public void Documents_Always_AreThoseThatAreExpected() => Assert.That(
        Documents, Is.SupersetOf(new[] { "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/operations.md", "docs/settings.md" }));

    [TestCaseSource(nameof(Documents))]
    public void Links_Always_LeadSomewhere(string document)
    {
        var folder = Path.GetDirectoryName(document)!;
        foreach (Match link in Link().Matches(WithoutCode(Repository.Read(document))))
        {
            var (path, anchor) = (link.Groups["path"].Value, link.Groups["anchor"].Value);
            var target = path.Length == 0 ? document : Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, folder, path))).Replace('\\', '/').TrimEnd('/');
            Assert.That(Repository.Entries, Does.Contain(target), $"{document} links to {link.Value}");
            if (anchor.Length > 0)
                Assert.That(AnchorsOf(Repository.Read(target)), Does.Contain(anchor), $"{document} links to {link.Value}");
        }
    }

    [TestCaseSource(nameof(Documents))]
    public void Files_ThatAreNamed_Exist(string document)
    {
        foreach (var code in Code(Repository.Read(document)))
        {
            foreach (Match file in FileName().Matches(code))
            {
                // What a build makes is not there before it.
                if (!file.Value.Contains("/bin/", StringComparison.Ordinal))
                    Assert.That(Repository.Entries.Any(entry => IsMeant(file.Value.TrimEnd('/', '.'), entry)), $"{document} names {file.Value}");
            }

            foreach (Match file in SqlFileName().Matches(code))
                Assert.That(Repository.Entries, Does.Contain($"sql/{file.Value}"), $"{document} names {file.Value}");
        }
    }

    [TestCaseSource(nameof(Documents))]
    public void Settings_ThatAreNamed_Exist(string document)
    {
        foreach (var code in Code(Repository.Read(document)))
        {
            foreach (Match setting in SettingName().Matches(code))
                Assert.That(IsSetting(setting.Value.Replace("__", ":", StringComparison.Ordinal)), $"{document} names {setting.Value}");
        }
    }

    [TestCaseSource(nameof(Documents))]
    public void Commands_ThatAreNamed_Exist(string document)
    {
        var root = CacheService.Tool.Program.Root(Terminal.OfProcess(), TimeProvider.System);
        foreach (var code in Code(Repository.Read(document)))
        {
            foreach (Match line in CommandOfTheTool().Matches(code))
            {
                var command = root.Subcommands.SingleOrDefault(command => command.Name == line.Groups["command"].Value);
                Assert.That(command, Is.Not.Null, $"{document} names {line.Value}");
                var known = command!.Options.Concat(command.Subcommands.SelectMany(one => one.Options)).Concat(root.Options).SelectMany(option => option.Aliases.Append(option.Name));
                Assert.That(line.Groups["option"].Captures.Select(option => option.Value), Is.SubsetOf(known), $"{document} names {line.Value}");
            }
        }
    }

    [TestCase("Feed:StaleAfter", true)]
    [TestCase("Security:ApiKeys:0:Name", true)]
    [TestCase("Security:ApiKeys", true)]
    [TestCase("Kestrel:Endpoints:Grpc:Url", true)]
    [TestCase("Feed:Stale", false)]
    [TestCase("Security:ApiKeys:0:Colour", false)]
    [TestCase("Kestrel:Endpoints:Grpc:Colour", false)]
    [TestCase("Fed:StaleAfter", false)]
    public void IsSetting_KnowsThem(string name, bool isOne) => Assert.That(IsSetting(name), Is.EqualTo(isOne));

    [TestCase("src/*/Feed", "src/CacheService/Feed", true)]
    [TestCase("sql/*.sql", "sql/010_check.sql", true)]
    [TestCase("src/Fed", "src/Feed", false)]
    public void IsMeant_KnowsPatterns(string pattern, string entry, bool isIt) => Assert.That(IsMeant(pattern, entry), Is.EqualTo(isIt));

    private static bool IsSetting(string name)
    {
        var parts = name.Split(':');
        var options = SettingsHelp.Sections.FirstOrDefault(section => section.Section == parts[0]).Options;
        if (options is null)
        {
            // Of others, Kestrel's above all, those that the service's own help names.
            return Regex.IsMatch(SettingsHelp.Text, $@"(?<![\w:]){Regex.Escape(name)}(?![\w:])");
        }

        foreach (var part in parts[1..])
        {
            if (int.TryParse(part, out _))
                continue;

            if (options?.GetProperty(part) is not { } option)
                return false;

            options = SettingsKeys.ItemsOf(option);
        }

        return true;
    }

    private static bool IsMeant(string pattern, string entry) => Regex.IsMatch(entry, $"^{Regex.Escape(pattern).Replace(@"\*", "[^/]*", StringComparison.Ordinal)}$");

    /// <summary>The anchors of a document's headings, as GitHub makes them.</summary>
    private static IEnumerable<string> AnchorsOf(string document) => Heading().Matches(WithoutCode(document))
        .Select(heading => NoAnchor().Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    /// <summary>What stands in blocks and spans of code.</summary>
    private static IEnumerable<string> Code(string document) =>
        Fence().Matches(document).Concat(Indented().Matches(document)).Concat(Span().Matches(Fence().Replace(document, ""))).Select(code => code.Value);

    private static string WithoutCode(string document) => Span().Replace(Fence().Replace(document, ""), match => match.Groups["code"].Value);

    [GeneratedRegex(@"\]\((?!\w+:)(?<path>[^)#\s]*)(?:#(?<anchor>[^)\s]+))?\)")]
    private static partial Regex Link();

    [GeneratedRegex("^```.*?^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex("^ {4}.*$", RegexOptions.Multiline)]
    private static partial Regex Indented();

    [GeneratedRegex("`(?<code>[^`\n]+)`")]
    private static partial Regex Span();

    [GeneratedRegex("^#{1,6} (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoAnchor();

    [GeneratedRegex(@"(?<![\w/.-])(?:(?:src|tests|sql|docs|eng|protos|deploy|examples)/[\w./*-]*\w|\.ci/\w+|(?:run|test)\.sh\b)")]
    private static partial Regex FileName();

    [GeneratedRegex(@"tweetcounts (?<command>[a-z][a-z-]*)(?:[^#\n-]|(?<option>--[a-z][a-z-]*)|-)*")]
    private static partial Regex CommandOfTheTool();

    [GeneratedRegex(@"\b\d{3}_\w+\.sql\b")]
    private static partial Regex SqlFileName();

    [GeneratedRegex(@"(?<![\w:.])[A-Z]\w*?[a-z]:[A-Z0-9]\w*(?::[A-Z0-9]\w*)*|(?<![\w:.])[A-Z]\w*?[a-z]__[A-Z]\w*")]
    private static partial Regex SettingName();
}
