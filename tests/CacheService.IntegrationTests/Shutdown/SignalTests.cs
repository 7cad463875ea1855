using System.Net;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using TweetCounts.V1;
using HealthV1 = Grpc.Health.V1.Health;

namespace CacheService.IntegrationTests.Shutdown;

/// <summary>Signals to the service as a process of its own.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.All)]
internal sealed class SignalTests
{
    [TestCase("TERM")]
    [TestCase("INT")]
    [TestCase("HUP")]
    [TestCase("QUIT")]
    public async Task Signal_WithTheEmbeddedServer_StopsBoth(string signal)
    {
        var folder = TestFolders.NewPath();
        await using var service = StartEmbedded(folder);
        try
        {
            await WaitForLoadAsync(service);
            var postgres = PostmasterPid.Read(new DataLayout(folder).Cluster)!.Pid;
            await ProcessSignals.SendAsync(signal, service.Id);
            var (exitCode, output) = await service.WaitForExitAsync();
            Assert.That(exitCode, Is.Zero, output);
            Assert.That(Runs(postgres), Is.False, "no PostgreSQL is left behind");
        }
        finally
        {
            TestFolders.Delete(folder);
        }
    }

    [Test]
    public async Task SecondSignal_WhileItDrains_EndsItAtOnceAndTheEmbeddedServerToo()
    {
        var folder = TestFolders.NewPath();
        await using var service = StartEmbedded(folder, "--Shutdown:DrainPeriod=01:00:00");
        try
        {
            await WaitForLoadAsync(service);
            var postgres = PostmasterPid.Read(new DataLayout(folder).Cluster)!.Pid;
            await ProcessSignals.SendAsync("TERM", service.Id);
            await Wait.UntilAsync(() => service.Output.Contains("Shutdown:DrainPeriod"), RunningService.Patience, "it drains");
            await ProcessSignals.SendAsync("TERM", service.Id);
            var (exitCode, output) = await service.WaitForExitAsync();
            Assert.That(exitCode, Is.EqualTo(128 + 15), output);
            Assert.That(Runs(postgres), Is.False, "no PostgreSQL is left behind");
        }
        finally
        {
            TestFolders.Delete(folder);
        }
    }

    [Test]
    public async Task Signal_WhileTheEmbeddedServerStarts_LeavesNothingBehind()
    {
        var folder = TestFolders.NewPath();
        await using var service = StartEmbedded(folder);
        try
        {
            await Wait.UntilAsync(() => Directory.Exists(folder), RunningService.Patience, "it has begun");
            await ProcessSignals.SendAsync("HUP", service.Id);
            var (exitCode, output) = await service.WaitForExitAsync();
            Assert.That(exitCode, Is.Zero, output);
            Assert.That(PostmasterPid.Read(new DataLayout(folder).Cluster), Is.Null);
        }
        finally
        {
            TestFolders.Delete(folder);
        }
    }

    [Test]
    public async Task Hangup_UnderNohup_IsIgnored()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = ServiceProcess.Start(["nohup"], [], $"--ConnectionStrings:Postgres={database.ConnectionString}");
        await WaitForLoadAsync(service);
        await ProcessSignals.SendAsync("HUP", service.Id);
        await ProcessSignals.SendAsync("TERM", service.Id);
        var (exitCode, output) = await service.WaitForExitAsync();
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("SIGTERM: the service stops").And.Not.Contain("SIGHUP"));
    }

    [Test]
    public async Task Signal_WithADrainPeriod_TakesReadinessAwayAndAnswersMeanwhile()
    {
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        var (grpc, http) = ($"http://127.0.0.1:{LoopbackPort.ChooseNew()}", $"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        await using var service = ServiceProcess.Start(
            $"--ConnectionStrings:Postgres={database.ConnectionString}", $"--Kestrel:Endpoints:Grpc:Url={grpc}", $"--Kestrel:Endpoints:Http:Url={http}", "--Shutdown:DrainPeriod=00:00:20");
        await WaitForLoadAsync(service);
        using var channel = GrpcChannel.ForAddress(grpc);
        using var client = new HttpClient();
        var health = new HealthV1.HealthClient(channel);
        var counts = new TweetCountsService.TweetCountsServiceClient(channel);
        await Wait.UntilAsync(async () => (await health.CheckAsync(new HealthCheckRequest())).Status == HealthCheckResponse.Types.ServingStatus.Serving, RunningService.Patience, "it is ready");
        using var watch = counts.WatchCounts(new WatchCountsRequest { All = true });
        Assert.That(await watch.ResponseStream.MoveNext(CancellationToken.None));

        await ProcessSignals.SendAsync("TERM", service.Id);
        await Wait.UntilAsync(
            async () => (await health.CheckAsync(new HealthCheckRequest())).Status == HealthCheckResponse.Types.ServingStatus.NotServing, RunningService.Patience, "gRPC's health says that it is not ready");
        using var answer = await client.GetAsync($"{http}/health");
        Assert.That((answer.StatusCode, await answer.Content.ReadAsStringAsync()), Is.EqualTo((HttpStatusCode.ServiceUnavailable, "stopping\n")));
        using var live = await client.GetAsync($"{http}/health/live");
        Assert.That(live.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        Assert.That((await counts.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } })).Counts.Retweets, Is.EqualTo(1), "calls are answered");
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await watch.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.Unavailable));
        Assert.That((await service.WaitForExitAsync()).ExitCode, Is.Zero);
    }

    private static ServiceProcess StartEmbedded(string folder, params string[] more) => ServiceProcess.Start([$"--Embedded:DataDirectory={folder}", .. more]);

    private static Task WaitForLoadAsync(ServiceProcess service) =>
        Wait.UntilAsync(() => service.Output.Contains("[1001]"), RunningService.Patience, $"it has loaded: {service.Output}");

    // One that has ended may wait for a parent that asks for it.
    private static bool Runs(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] != 'Z';
        }
        catch (IOException)
        {
            return false;
        }
    }
}
