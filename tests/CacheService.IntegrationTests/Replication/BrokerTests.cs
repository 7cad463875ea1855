using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.Replication;
using Microsoft.Extensions.Logging;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Replication;

[Parallelizable(ParallelScope.Self)]
internal sealed class BrokerTests
{
    [Test]
    public async Task Login_RefusedForAWhile_IsTriedUntilItIsTaken()
    {
        // So often the client library tries what is refused in the same words each time, and then never again.
        const int LibraryTries = 2;
        await using var nats = await NatsServer.RequireAsync(User("puck"));
        await using var broker = ReplicationSetUp.NewBroker(new NatsOptions { Url = nats.Url, User = "oberon", Password = "puck" });
        await broker.PrepareAsync(CancellationToken.None);

        await nats.RestartAsync(User("bottom"));
        await Wait.UntilAsync(
            async () => (await nats.ReadLogAsync()).Split("authentication error").Length - 1 > LibraryTries + 1, RunningService.Patience, "it is refused, again and again");
        await nats.RestartAsync(User("puck"));

        await Wait.UntilAsync(IsConnectedAsync, RunningService.Patience, "it is connected again");

        async Task<bool> IsConnectedAsync()
        {
            try
            {
                return await broker.ReadEndAsync(CancellationToken.None) is not null;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }

        static string User(string password) => $$"""authorization { users = [ { user: oberon, password: {{password}} } ] }""";
    }

    [Test]
    public async Task Dispose_WhileSomethingIsSent_LogsNoError()
    {
        using var certificates = new TestCertificates();
        await using var nats = await NatsServer.RequireAsync($$"""tls { cert_file: "{{certificates.ServerFile}}", key_file: "{{certificates.ServerKeyFile}}" }""");
        using var log = new RecordedLog();
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(log));
        var options = new NatsOptions { Url = nats.Url, CaFile = certificates.AuthorityFile };
        await using var first = ReplicationSetUp.NewBroker(options);
        await first.PrepareAsync(CancellationToken.None);
        for (var i = 0; i < 100; i++)
        {
            var broker = ReplicationSetUp.NewBroker(options, loggers);
            using var ending = new CancellationTokenSource();
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var publishing = Task.Run(async () =>
            {
                while (true)
                {
                    await broker.PublishAsync(new Frame(), after: null, ending.Token);
                    begun.TrySetResult();
                }
            });
            await Task.WhenAny(begun.Task, publishing);
            await broker.DisposeAsync();
            await ending.CancelAsync();
            await publishing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Assert.That(log.Entries.Where(entry => entry.Level >= LogLevel.Error), Is.Empty);
        Assert.That(log.Has("BrokerNotClosed"), Is.False);
    }

    [Test]
    public async Task Dispose_WhileTheServerTakesNothing_EndsAllTheSame()
    {
        await using var nats = await NatsServer.RequireAsync();
        using var log = new RecordedLog();
        using var loggers = LoggerFactory.Create(builder => builder.AddProvider(log));
        var broker = ReplicationSetUp.NewBroker(new NatsOptions { Url = nats.Url }, loggers);
        await broker.PrepareAsync(CancellationToken.None);

        await nats.FreezeAsync();
        // More in all than sockets hold.
        var frame = new Frame { Chain = new string('x', 500_000) };
        var sending = Enumerable.Range(0, 40).Select(_ => broker.PublishAsync(frame, after: null, CancellationToken.None)).ToList();
        await broker.DisposeAsync();

        Assert.That(log.Has("BrokerNotClosed"), Is.True);
        foreach (var task in sending)
        {
            Assert.That(() => task, Throws.Exception);
        }
    }
}
