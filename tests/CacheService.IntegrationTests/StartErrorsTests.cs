using System.Net;
using System.Net.Sockets;
using CacheService.IntegrationTests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace CacheService.IntegrationTests;

/// <summary>What a person sees who starts the service with something wrong: a line that says what, and an exit code.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class StartErrorsTests
{
    [Test]
    public async Task Start_WithAWrongPassword_SaysSo()
    {
        var wrong = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Password = "very-wrong" };
        await AssertEndsAsync("the database refused the password", $"--ConnectionStrings:Postgres={wrong}");
    }

    [Test]
    public async Task Start_OnADatabaseThatIsNotThere_SaysSo()
    {
        var wrong = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Database = "nowhere" };
        await AssertEndsAsync("database \"nowhere\" does not exist", $"--ConnectionStrings:Postgres={wrong}");
    }

    [Test]
    public async Task Start_WithoutSchemaAndRights_NamesTheFileAndTheGrant()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var role = await TestRole.CreateAsync();
        await AssertEndsAsync("sql/010_check.sql", $"--ConnectionStrings:Postgres={role.ConnectionStringTo(database)}");
    }

    [Test]
    public async Task Start_WithABadConnectionString_NamesTheKeyword() =>
        await AssertEndsAsync("Bad setting: ConnectionStrings:Postgres", "--ConnectionStrings:Postgres=Host=localhost;Colour=red");

    [Test]
    public async Task Start_WithSettingsOutOfRange_NamesThemAll()
    {
        var output = await AssertEndsAsync("HeartbeatInterval", "--ConnectionStrings:Postgres=Host=localhost", "--Feed:HeartbeatInterval=2.00:00:00", "--Limits:MaxIdsPerRequest=0");
        Assert.That(output, Does.Contain("MaxIdsPerRequest"));
    }

    [Test]
    public async Task Start_WithASettingThatIsNoDuration_NamesIt() =>
        await AssertEndsAsync("Feed:HeartbeatInterval", "--ConnectionStrings:Postgres=Host=localhost", "--Feed:HeartbeatInterval=soon");

    [Test]
    public async Task Start_WithAnUnknownSetting_NamesIt() =>
        await AssertEndsAsync("Heartbeet", "--ConnectionStrings:Postgres=Host=localhost", "--Feed:Heartbeet=00:00:01");

    [Test]
    public async Task Start_OnAPortInUse_NamesTheAddress()
    {
        await using var database = await TestDatabase.CreateAsync();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";
        await AssertEndsAsync($"Failed to bind to address {url}", $"--ConnectionStrings:Postgres={database.ConnectionString}", $"--Kestrel:Endpoints:Grpc:Url={url}");
    }

    [Test]
    public async Task Start_WithTheDatabaseUnreachable_WaitsAndSaysSo()
    {
        await using var service = ServiceProcess.Start("--ConnectionStrings:Postgres=Host=127.0.0.1;Port=1;Username=x;Password=secret-word;Database=x");
        await Wait.UntilAsync(() => Lines(service.Output).Count(line => line.Contains("The database cannot be followed")) >= 2, RunningService.Patience, "it has said twice that it waits");
        Assert.That(service.Output, Does.Contain("127.0.0.1:1").And.Not.Contain("secret-word").And.Not.Contain("   at "));
    }

    [TestCase("postgresql://counts:s3cretPW@db:x5432/app?sslmode=require", "ports")]
    [TestCase("mysql://counts:s3cretPW@db/app", "none of PostgreSQL's")]
    [TestCase("Host=db;Password=a;s3cretPW=b", "quotes")]
    [TestCase("host=db user=counts password=s3cretPW", "separated by ;")]
    [TestCase("Username=counts;Password=s3cretPW;Database=app", "names no host")]
    [TestCase("Host=127.0.0.1;Password=s3cretPW;Multiplexing=true", "Multiplexing")]
    [TestCase("Host=127.0.0.1;Password=s3cretPW;Root Certificate=/nowhere/ca.pem", "/nowhere/ca.pem")]
    [TestCase("Host=127.0.0.1;Password=s3cretPW;Passfile=/nowhere/pass", "/nowhere/pass")]
    public async Task Start_WithAConnectionStringOfNoUse_SaysWhyAndKeepsSecrets(string text, string words)
    {
        // At the level where everything is said.
        await using var service = ServiceProcess.Start([], [("ConnectionStrings__Postgres", text), ("Logging__LogLevel__Default", "Trace"), ("Logging__LogLevel__Npgsql", "Trace")]);
        var (exitCode, output) = await service.WaitForExitAsync();
        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(service.Error, Does.Contain(words));
        Assert.That(output, Does.Not.Contain("s3cretPW").IgnoreCase);
    }

    [Test]
    public async Task Start_WithAUrlThatIsGood_KeepsSecretsToo()
    {
        await using var service = ServiceProcess.Start(
            [], [("ConnectionStrings__Postgres", "postgresql://counts:s3cretPW@127.0.0.1:1/app?sslmode=require"), ("Logging__LogLevel__Default", "Trace"), ("Logging__LogLevel__Npgsql", "Trace")]);
        await Wait.UntilAsync(() => service.Output.Contains("127.0.0.1:1"), RunningService.Patience, "it has tried");
        Assert.That(service.Output, Does.Not.Contain("s3cretPW").IgnoreCase);
    }

    [Test]
    public async Task Start_WithoutThePasswordThatIsAskedFor_SaysSo()
    {
        var without = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Password = null };
        await AssertEndsAsync("password", $"--ConnectionStrings:Postgres={without}");
    }

    [TestCase("Options=-c nonsense=1", "nonsense")]
    [TestCase("Timezone=Nowhere/Land", "Timezone")]
    [TestCase("SSL Mode=Require", "the server offers none")]
    public async Task Start_WithWhatTheServerRefuses_SaysWhichSetting(string more, string words) =>
        await AssertEndsAsync(words, $"--ConnectionStrings:Postgres={TestServer.ConnectionString};{more}");

    [Test]
    public async Task Start_OnSeveralHostsThatAllRefuse_SaysSo()
    {
        var server = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString);
        var wrong = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Host = $"127.0.0.1:{server.Port},localhost:{server.Port}", Password = "very-wrong" };
        await AssertEndsAsync("password authentication failed", $"--ConnectionStrings:Postgres={wrong}");
    }

    [Test]
    public async Task Help_Asked_ListsTheSettings()
    {
        await using var service = ServiceProcess.Start("--help");
        var (exitCode, output) = await service.WaitForExitAsync();
        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Does.Contain("Examples:").And.Contain("Feed:HeartbeatInterval").And.Contain("Limits:MaxReadWait").And.Contain("Embedded:DataDirectory"));
    }

    [Test]
    public async Task Run_WhosePartFails_SaysWhich()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var app = ServiceApp.Build(
            [$"--ConnectionStrings:Postgres={database.ConnectionString}", "--Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:0", "--Kestrel:Endpoints:Http:Url=http://127.0.0.1:0"],
            builder => builder.Services.AddHostedService<FailingService>());
        var lines = await ServiceRun.RunAsync(app).WaitAsync(RunningService.Patience);
        Assert.That(lines?.First(), Is.EqualTo("The service ended, because FailingService failed: out of ideas"));
    }

    private sealed class FailingService : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await Task.Yield();
            throw new ArithmeticException("out of ideas");
        }
    }

    private static async Task<string> AssertEndsAsync(string words, params string[] settings)
    {
        await using var service = ServiceProcess.Start(settings);
        var (exitCode, output) = await service.WaitForExitAsync();
        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain(words).And.Not.Contain("   at "), "no stack trace");
        Assert.That(Lines(output).Count(line => !line.Contains("info:")), Is.LessThanOrEqualTo(3), output);
        return output;
    }

    private static string[] Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
