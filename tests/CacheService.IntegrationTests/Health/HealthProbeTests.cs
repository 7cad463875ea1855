using CacheService.Health;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Health;

/// <summary><c>CacheService --health</c>, as a process of its own beside the service.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class HealthProbeTests
{
    [Test]
    public async Task Probe_OfAServiceWithTls_AnswersAsItsRoutesDo()
    {
        using var certificates = new TestCertificates();
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        var port = LoopbackPort.ChooseNew();
        string[] settings =
        [
            $"--Kestrel:Endpoints:Http:Url=https://127.0.0.1:{port}",
            $"--Kestrel:Endpoints:Http:Certificate:Path={certificates.ServerFile}",
            $"--Kestrel:Endpoints:Http:Certificate:KeyPath={certificates.ServerKeyFile}",
        ];
        await using (await new TestDatabaseGate(database).CloseAsync())
        {
            await using var starting = await RunningService.StartWithoutWaitingAsync(database.ConnectionString, settings);
            Assert.That(await ProbeAsync("live", settings), Is.EqualTo((0, "the feed cycles\n")));
            Assert.That(await ProbeAsync("ready", settings), Is.EqualTo((1, "starting\n")));
        }

        await using (await RunningService.StartAsync(database.ConnectionString, [.. settings, "--Feed:StaleAfter=00:01:00"]))
        {
            Assert.That(await ProbeAsync("ready", settings), Is.EqualTo((0, "live\n")));
        }

        var (code, output) = await ProbeAsync("live", settings);
        Assert.That(code, Is.EqualTo(1), "there is no service any more");
        Assert.That(output, Does.StartWith($"No answer from https://127.0.0.1:{port}/health/live: "));
    }

    [Test]
    public async Task Probe_WithoutAQuestion_SaysWhatToWrite()
    {
        var (code, output) = await ProbeAsync("well");
        Assert.That(code, Is.EqualTo(2));
        Assert.That(output, Does.Contain("--health ready").And.Contain("--health live"));
    }

    [TestCase("http://*:5081", "http://127.0.0.1:5081/")]
    [TestCase("http://0.0.0.0:5081", "http://127.0.0.1:5081/")]
    [TestCase("http://[::]:5081", "http://127.0.0.1:5081/")]
    [TestCase("https://counts.example.com:5081", "https://127.0.0.1:5081/")]
    [TestCase("http://192.0.2.1:5081;http://*:1", "http://192.0.2.1:5081/")]
    [TestCase("http://[2001:db8::1]:5081", "http://[2001:db8::1]:5081/")]
    [TestCase("http://unix:/run/counts.sock", null)]
    [TestCase("counts", null)]
    [TestCase(null, null)]
    public void AddressOf_WhatKestrelListensAt_IsWhereItCanBeCalled(string? url, string? address) =>
        Assert.That(HealthProbe.AddressOf(url), Is.EqualTo(address is null ? null : new Uri(address)));

    private static async Task<(int ExitCode, string Output)> ProbeAsync(string question, params string[] settings)
    {
        await using var probe = ServiceProcess.StartCommand(["dotnet", Path.Combine(AppContext.BaseDirectory, "CacheService.dll"), HealthProbe.Option, question, .. settings]);
        var (code, output) = await probe.WaitForExitAsync();
        return (code, output.Trim() + "\n");
    }
}
