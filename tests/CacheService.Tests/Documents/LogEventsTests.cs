using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using CacheService.Client;
using Microsoft.Extensions.Logging;

namespace CacheService.Tests.Documents;

/// <summary>Each log event has a number and a name of its own, lies in the range of its area, and is listed in docs/operations.md with its level.</summary>
internal sealed partial class LogEventsTests
{
    private const string Page = "docs/operations.md";

    [Test]
    public void Ids_Always_AreUnique() => Assert.That(Events().Select(one => one.Attribute.EventId), Is.Unique);

    [Test]
    public void Names_Always_AreUnique() => Assert.That(Events().Select(one => one.Attribute.EventName), Is.Unique.And.All.Not.Null);

    [Test]
    public void Areas_Always_DoNotOverlap()
    {
        var areas = Areas().OrderBy(area => area.First).ToList();
        Assert.That(areas, Has.Count.GreaterThan(1).And.All.Matches<(int First, int Last)>(area => area.First <= area.Last));
        Assert.That(areas.Zip(areas.Skip(1)).Where(pair => pair.First.Last >= pair.Second.First), Is.Empty);
    }

    [Test]
    public void Events_OfOneClass_LieInOneArea()
    {
        var areas = Areas();
        foreach (var events in Events().GroupBy(one => one.Type))
        {
            var first = events.First().Attribute.EventId;
            var area = areas.SingleOrDefault(area => first >= area.First && first <= area.Last);
            Assert.That(events.Select(one => one.Attribute.EventId), Has.All.InRange(area.First, area.Last), $"{events.Key}: {Page} has no range for it");
        }
    }

    [Test]
    public void Page_Always_ListsTheEventsWithTheirLevels() => Assert.That(
        EventRow().Matches(Repository.Read(Page)).Select(row => $"{row.Groups["id"]} {row.Groups["name"]} {row.Groups["level"]}"),
        Is.EquivalentTo(Events().Select(one => $"{one.Attribute.EventId} {one.Attribute.EventName} {LevelOf(one.Method, one.Attribute)}")));

    /// <summary>All events of all assemblies that src/ makes.</summary>
    private static List<(Type Type, MethodInfo Method, LoggerMessageAttribute Attribute)> Events()
    {
        var assemblies = Repository.Entries.Where(entry => ProjectFile().IsMatch(entry)).Select(NameOf).Select(Assembly.Load).ToList();
        Assert.That(assemblies, Is.SupersetOf(new[] { typeof(ServiceApp).Assembly, typeof(TweetCountsClient).Assembly }));
        return
        [
            .. from assembly in assemblies
               from type in assembly.GetTypes()
               from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
               let attribute = method.GetCustomAttribute<LoggerMessageAttribute>()
               where attribute is not null
               select (type, method, attribute),
        ];
    }

    private static string NameOf(string project) =>
        XDocument.Parse(Repository.Read(project)).Descendants("AssemblyName").SingleOrDefault()?.Value ?? Path.GetFileNameWithoutExtension(project);

    /// <summary>The level; where the caller chooses it, the page says so.</summary>
    private static string LevelOf(MethodInfo method, LoggerMessageAttribute attribute) =>
        method.GetParameters().Any(parameter => parameter.ParameterType == typeof(LogLevel)) ? "varies" : attribute.Level.ToString();

    private static List<(int First, int Last)> Areas() =>
    [
        .. AreaRow().Matches(Repository.Read(Page)).Select(row => (int.Parse(row.Groups["first"].Value, CultureInfo.InvariantCulture), int.Parse(row.Groups["last"].Value, CultureInfo.InvariantCulture))),
    ];

    [GeneratedRegex(@"^src/[^/]+/[^/]+\.csproj$")]
    private static partial Regex ProjectFile();

    [GeneratedRegex(@"^\| (?<first>\d+) to (?<last>\d+) \|", RegexOptions.Multiline)]
    private static partial Regex AreaRow();

    [GeneratedRegex(@"^\| (?<id>\d+) \| `(?<name>\w+)` \| (?<level>\w+) \|", RegexOptions.Multiline)]
    private static partial Regex EventRow();
}
