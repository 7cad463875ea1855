using System.Net;
using System.Net.Sockets;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests;

/// <summary>What a person sees who starts the service with something wrong: a line that says what, and an exit code.</summary>
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

    [Test]
    public async Task Help_Asked_ListsTheSettings()
    {
        await using var service = ServiceProcess.Start("--help");
        var (exitCode, output) = await service.WaitForExitAsync();
        Assert.That(exitCode, Is.Zero);
        Assert.That(output, Does.Contain("Examples:").And.Contain("Feed:HeartbeatInterval").And.Contain("Limits:MaxReadWait").And.Contain("Embedded:DataDirectory"));
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
