using System.Text.Json;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests;

/// <summary>The form of the log is the configuration's; the default has the date.</summary>
internal sealed class LoggingTests
{
    private const string Unreachable = "--ConnectionStrings:Postgres=Host=127.0.0.1;Port=1;Username=x";

    [Test]
    public async Task Log_ByDefault_IsOneLineWithTheDate() =>
        Assert.That(await FirstLineAsync(), Does.Match(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warn: CacheService\.Feed\.CountsFeed\[1003\] The database cannot be followed: "));

    [Test]
    public async Task Log_AsJson_IsJsonWithTheTime()
    {
        using var line = JsonDocument.Parse(await FirstLineAsync(("Logging__Console__FormatterName", "json")));
        Assert.That(line.RootElement.GetProperty("Category").GetString(), Is.EqualTo("CacheService.Feed.CountsFeed"));
        Assert.That(line.RootElement.GetProperty("Timestamp").GetDateTimeOffset(), Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(1)));
    }

    [Test]
    public async Task Log_AsJsonWithOptions_HasThem() => Assert.That(
        await FirstLineAsync(
            ("Logging__Console__FormatterName", "json"), ("Logging__Console__FormatterOptions__TimestampFormat", "yyyy'Z'"), ("Logging__Console__FormatterOptions__UseUtcTimestamp", "true"), ("Logging__Console__FormatterOptions__IncludeScopes", "true")),
        Does.StartWith($"{{\"Timestamp\":\"{DateTime.UtcNow:yyyy}Z\"").And.Contain("\"Scopes\""));

    [Test]
    public async Task Log_ForSystemd_HasItsForm() =>
        Assert.That(await FirstLineAsync(("Logging__Console__FormatterName", "systemd")), Does.Match(@"^<4>CacheService\.Feed\.CountsFeed\[1003\] "));

    /// <summary>Whose child a service is tells that: here of a shell by the name of systemd.</summary>
    [Test]
    [Platform("Linux")]
    public async Task Log_UnderSystemd_HasItsForm()
    {
        var folder = Directory.CreateTempSubdirectory("systemd-");
        var shell = Path.Combine(folder.FullName, "systemd");
        File.Copy("/bin/sh", shell);
        // The service ends with it. What follows keeps the shell from becoming the service.
        string[] by = [shell, "-c", "setpriv --pdeathsig KILL \"$@\"; exit $?", "sh"];
        try
        {
            Assert.That(await FirstLineAsync(by), Does.StartWith("<4>CacheService.Feed.CountsFeed[1003] "));
            Assert.That(await FirstLineAsync(by, ("Logging__Console__FormatterName", "simple")), Does.Contain(" warn: CacheService.Feed.CountsFeed[1003] "), "what is set counts");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task Log_WithATimestampOfItsOwn_HasIt() =>
        Assert.That(await FirstLineAsync(("Logging__Console__FormatterOptions__TimestampFormat", "'at' HH ")), Does.Match(@"^at \d\d warn: "));

    [Test]
    public async Task Log_OverSeveralLines_IsThat() =>
        Assert.That(await FirstLineAsync(("Logging__Console__FormatterOptions__SingleLine", "false")), Does.EndWith("CacheService.Feed.CountsFeed[1003]"));

    private static Task<string> FirstLineAsync(params (string Name, string Value)[] environment) => FirstLineAsync([], environment);

    private static async Task<string> FirstLineAsync(string[] by, params (string Name, string Value)[] environment)
    {
        await using var service = ServiceProcess.Start(by, environment, Unreachable);
        string? line = null;
        await Wait.UntilAsync(() => (line = Array.Find(service.Output.Split('\n'), each => each.Contains("CountsFeed"))) is not null, RunningService.Patience, "it has said something");
        return line!.TrimEnd();
    }
}
