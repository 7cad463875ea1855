using System.Net.Http.Json;
using System.Text.Json.Nodes;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>What deploy/Dockerfile and deploy/compose.yaml make of the service, as far as it can be run without a container engine.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.Self)]
[Platform("Linux")]
internal sealed class ImageTests
{
    private ComposedDatabase _database = null!;
    private PublishedService _published = null!;

    [OneTimeSetUp]
    public async Task Publish()
    {
        _database = await ComposedDatabase.StartAsync();
        _published = await PublishedService.CreateAsync();
    }

    [OneTimeTearDown]
    public async Task Delete()
    {
        _published?.Dispose();
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    [Test]
    public async Task Image_OnAReadOnlyRootWithoutAShell_ServesAndTellsItsHealth()
    {
        var sandbox = await ImageSandbox.RequireAsync(_published.Folder);
        var http = $"http://127.0.0.1:{LoopbackPort.ChooseNew()}";
        List<(string, string)> environment =
        [
            .. Dockerfile.Environment,
            .. from setting in ComposeFile.Main.SettingsOf("counts1", ComposedDatabase.Password)
               select (setting.Key, setting.Key switch
               {
                   "ConnectionStrings__Postgres" => setting.Value.Replace("Host=postgres", $"Host=127.0.0.1;Port={_database.Port}", StringComparison.Ordinal),
                   "Kestrel__Endpoints__Grpc__Url" => "http://127.0.0.1:0",
                   "Kestrel__Endpoints__Http__Url" => http,
                   _ => setting.Value,
               }),
        ];
        await using var service = ServiceProcess.StartCommand(sandbox.Command(environment, Dockerfile.Entrypoint));
        await Wait.UntilAsync(
            async () => (await sandbox.RunToEndAsync(environment, ComposeFile.Main.HealthCommandOf("counts1"))) is (0, "live\n"), RunningService.Patience, $"it is healthy ({service.Output})");
        Assert.That(await sandbox.RunToEndAsync(environment, Dockerfile.HealthCommand), Is.EqualTo(((int?)0, "the feed cycles\n")));

        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        using var client = new HttpClient();
        var answer = await client.GetFromJsonAsync<JsonObject>(new Uri($"{http}/v1/messages/1/counts?strong=true"));
        Assert.That((string?)answer!["counts"]!["retweets"], Is.EqualTo("1"));

        var process = ProcessSignals.WithDescendants(service.Id)[^1];
        Assert.That(UserOf(process), Is.Not.Zero, "it is no root");
        Assert.That((await File.ReadAllTextAsync($"/proc/{process}/environ")).Split('\0'), Has.None.StartsWith("HOME="));
        await ProcessSignals.SendAsync("TERM", process);
        var (code, output) = await service.WaitForExitAsync();
        Assert.That(code, Is.Zero, output);
        Assert.That(service.Error, Is.Empty.Or.EqualTo(Environment.NewLine));
    }

    /// <summary>The role of deploy/postgres/install.sh, the settings and the password's file of deploy/systemd.</summary>
    [Test]
    public async Task SettingsOfTheUnit_WithThePasswordInAFile_Connect()
    {
        var settings = SettingsFile.Read("deploy/systemd/settings.env").ToDictionary();
        settings["ConnectionStrings__Postgres"] = settings["ConnectionStrings__Postgres"].Replace("Host=db.example.com", $"Host=127.0.0.1;Port={_database.Port}", StringComparison.Ordinal);
        settings["Kestrel__Endpoints__Grpc__Url"] = settings["Kestrel__Endpoints__Http__Url"] = "http://127.0.0.1:0";
        var passwords = TestFolders.NewPath();
        await OwnedFile.WriteSecretAsync(passwords, $"127.0.0.1:{_database.Port}:app:counts:{ComposedDatabase.Password}\n", CancellationToken.None);
        try
        {
            await using var service = ServiceProcess.StartCommand(
                [Path.Combine(_published.Folder, "CacheService")], [("PGPASSFILE", passwords), .. settings.Select(setting => (setting.Key, setting.Value))]);
            // From the tables, or from what another service has written back.
            await Wait.UntilAsync(() => service.Output.Contains("CountsFeed[100") || service.HasExited, RunningService.Patience, "it has loaded, or has not");
            Assert.That(service.Output, Does.Contain("[1001]").Or.Contain("[1007]"));
        }
        finally
        {
            File.Delete(passwords);
        }
    }

    private static int UserOf(int process) =>
        int.Parse(File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1], System.Globalization.CultureInfo.InvariantCulture);
}
