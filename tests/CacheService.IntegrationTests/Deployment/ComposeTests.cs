using System.Diagnostics;
using System.Text.Json.Nodes;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;
using CacheService.IntegrationTests.Telemetry;
using CacheService.Replication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>deploy/compose.yaml, what is added to it for followers, and what they have containers read.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ComposeTests
{
    private const string Services = "counts1 counts2";

    private static readonly ComposeFile[] Both = [ComposeFile.Main, ComposeFile.Nats];

    private static IEnumerable<string> BothVariables => Both.SelectMany(file => file.Variables).Distinct();

    [Test]
    public async Task File_WithItsVariables_IsValid()
    {
        var (code, output) = await ComposeAsync([ComposeFile.Main], ComposeFile.Main.Variables);
        Assert.That(code, Is.Zero, output);
        Assert.That(output, Does.Contain("Password=secret").And.Not.Contain("${").And.Not.Contain("Nats__"));
    }

    [Test]
    public async Task Files_WithNats_AreValidTogether()
    {
        var (code, output) = await ComposeAsync(Both, BothVariables);
        Assert.That(code, Is.Zero, output);
        // Those of the first file keep their database, and publish.
        var services = Yaml.Parse(output)["services"]!;
        foreach (var publisher in Services.Split(' '))
        {
            var settings = services[publisher]!["environment"]!;
            Assert.That(((string?)settings["ConnectionStrings__Postgres"], (string?)settings["Nats__Password"]), Is.EqualTo(("Host=postgres;Database=app;Username=counts;Password=secret", "secret")));
        }
    }

    [Test]
    public async Task File_WithoutAVariable_SaysWhatToSet()
    {
        foreach (var missing in BothVariables)
        {
            var (code, output) = await ComposeAsync(Both, BothVariables.Where(variable => variable != missing));
            Assert.That(code, Is.Not.Zero);
            Assert.That(output, Does.Contain("set it to a password for"), missing);
        }
    }

    [Test]
    public void Mounts_Always_AreThere()
    {
        foreach (var (source, target) in Both.SelectMany(file => file.Mounts()))
        {
            Assert.That(Path.Exists(source), $"{source}, for {target}");
        }
    }

    [Test]
    public void Ports_OfAll_AreOfThisMachineAlone()
    {
        var ports = Both.SelectMany(file => file.Services.AsObject()).SelectMany(service => service.Value!["ports"]?.AsArray() ?? []).Select(port => (string)port!).ToList();
        Assert.That(ports, Has.Count.EqualTo(7).And.Unique.And.All.StartWith("127.0.0.1:"));
    }

    /// <summary>Built, not run: nothing of a test listens beyond this machine.</summary>
    [Test]
    public async Task Settings_OfTheServices_AreAllowed([Values("counts1", "counts2")] string name)
    {
        await using var app = ServiceApp.Build(SettingsFile.AsArguments([.. ComposeFile.Main.SettingsOf(name, "secret"), .. ComposeFile.Nats.SettingsOf(name, "secret")]));
        Assert.That(app, Is.Not.Null);
    }

    [Test]
    public async Task Settings_OfFollowers_AreAllowedAndNameNoDatabase()
    {
        var settings = ComposeFile.Nats.SettingsOf("followers", "secret");
        await using var app = ServiceApp.Build(SettingsFile.AsArguments(settings));
        Assert.That(app.Services.GetServices<IHostedService>().OfType<FollowerFeed>().ToList(), Has.Count.EqualTo(1));
        Assert.That(settings.Keys, Has.None.Contains("Postgres"));
    }

    [Test]
    public async Task NatsServers_Always_AreThoseThatServicesAndServersName()
    {
        var servers = ComposeFile.Nats.Services.AsObject().Where(service => ((string?)service.Value!["image"])?.StartsWith("nats:", StringComparison.Ordinal) == true).Select(service => service.Key).ToList();
        Assert.That(servers, Has.Count.EqualTo(3));
        var url = string.Join(',', servers.Select(server => $"nats://{server}:4222"));
        Assert.That(Services.Split(' ').Append("followers").Select(service => ComposeFile.Nats.SettingsOf(service, "")["Nats__Url"]), Is.All.EqualTo(url));
        var configuration = await File.ReadAllTextAsync(SourceFolder.PathOf("deploy/nats/nats.conf"));
        Assert.That(configuration, Does.Contain(string.Join(", ", servers.Select(server => $"\"nats://{server}:6222\""))));
    }

    [Test]
    public async Task Prometheus_Always_AsksTheServices()
    {
        var file = SourceFolder.PathOf("deploy/prometheus/prometheus.yml");
        var (code, output) = await ForeignProgram.RunToEndAsync(
            new ProcessStartInfo(Prometheus.Require("promtool"), ["check", "config", file]) { RedirectStandardOutput = true, RedirectStandardError = true });
        Assert.That(code, Is.Zero, output);
        var targets = Yaml.Read(file)["scrape_configs"]![0]!["static_configs"]![0]!["targets"]!.AsArray().Select(target => (string)target!);
        Assert.That(targets, Is.EqualTo(Services.Split(' ').Select(service => $"{service}:5081")));
        Assert.That(ComposeFile.Main.SettingsOf("counts1", "")["Kestrel__Endpoints__Http__Url"], Does.EndWith(":5081"));
    }

    [Test]
    public async Task Grafana_Always_HasTheBoardAndWhereItAsks()
    {
        var source = Yaml.Read(SourceFolder.PathOf("deploy/grafana/provisioning/datasources/prometheus.yml"))["datasources"]![0]!;
        Assert.That(ComposeFile.Main.Services[new Uri((string)source["url"]!).Host], Is.Not.Null);
        var boards = (string)Yaml.Read(SourceFolder.PathOf("deploy/grafana/provisioning/dashboards/tweetcounts.yml"))["providers"]![0]!["options"]!["path"]!;
        Assert.That(ComposeFile.Main.Mounts().Select(mount => mount.Target), Does.Contain($"{boards}/tweetcounts.json"));

        // A board that nobody imports by hand has its data source as a variable, of which Grafana takes the default.
        var board = JsonNode.Parse(await File.ReadAllTextAsync(SourceFolder.PathOf("deploy/grafana/tweetcounts.json")))!;
        var variable = board["templating"]!["list"]!.AsArray().Single(variable => (string?)variable!["type"] == "datasource")!;
        var asked = board["panels"]!.AsArray().Select(panel => (string?)panel!["datasource"]?["uid"]).OfType<string>().Distinct();
        Assert.That(asked, Is.EqualTo(new[] { $"${{{variable["name"]}}}" }));
        Assert.That(((string?)variable["query"], (string?)source["type"]), Is.EqualTo(("prometheus", "prometheus")));
    }

    private static async Task<(int? ExitCode, string Output)> ComposeAsync(ComposeFile[] files, IEnumerable<string> variables)
    {
        var program = await InstalledProgram.RequireAsync("compose.yaml is NOT validated", "docker-compose");
        var start = new ProcessStartInfo(program, [.. files.SelectMany(file => new[] { "-f", file.Location }), "config"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var variable in variables)
        {
            start.Environment[variable] = "secret";
        }

        return await ForeignProgram.RunToEndAsync(start);
    }
}
