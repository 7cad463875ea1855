using CacheService.IntegrationTests.Infrastructure;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Security;

/// <summary>The ways in which services say to a real NATS server who they are; user and password with TLS are in the tests of its rights.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class NatsLoginTests
{
    [Test]
    public async Task Services_WithAKey_Follow()
    {
        using var identity = new NatsIdentity();
        await AssertFollowsAsync(identity.ServerByKey, $"--Nats:NKeyFile={identity.KeyFile}");
    }

    [Test]
    public async Task Services_WithCredentials_Follow()
    {
        using var identity = new NatsIdentity();
        await AssertFollowsAsync(identity.ServerByCredentials, $"--Nats:CredsFile={identity.CredentialsFile}");
    }

    [Test]
    public async Task Services_WithACertificate_Follow()
    {
        using var certificates = new TestCertificates();
        var (certificate, key) = certificates.IssueClient("service");
        await AssertFollowsAsync(
            $$"""tls { cert_file: "{{certificates.ServerFile}}", key_file: "{{certificates.ServerKeyFile}}", ca_file: "{{certificates.AuthorityFile}}", verify: true }""",
            $"--Nats:CaFile={certificates.AuthorityFile}", $"--Nats:CertFile={certificate}", $"--Nats:KeyFile={key}");
    }

    private static async Task AssertFollowsAsync(string server, params string[] settings)
    {
        await using var nats = await NatsServer.RequireAsync(server);
        await using var database = await TestDatabase.CreateAsync();
        string[] all = [$"--Nats:Url={nats.Url}", "--Nats:MaxMegabytes=32", .. settings];
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, all);
        await database.AddMessagesAsync(1);
        await using var follower = await RunningService.StartAsync("", [.. all, "--Feed:Source=Nats"]);

        var read = await follower.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } });

        Assert.That(read.Freshness.State, Is.EqualTo(FeedState.Live));
        // Without what says who it is, nobody is let in.
        await using var stranger = await RunningService.StartWithoutWaitingAsync("", [.. all.Except(settings), "--Feed:Source=Nats"]);
        stranger.ExpectsErrors = true;
        await Wait.UntilAsync(() => stranger.Log.Entries.Any(entry => entry.EventName == "PublisherAway"), RunningService.Patience, "the stranger is refused");
        Assert.That(stranger.Status.Condition.State, Is.EqualTo(CacheService.Feed.FeedState.Starting));
    }
}
