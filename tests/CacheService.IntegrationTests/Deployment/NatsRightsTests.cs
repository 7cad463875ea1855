using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The rights that deploy gives services at NATS, held by a real server: enough for each, and no more.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class NatsRightsTests
{
    private const string Name = "tweetcounts";

    private TestCertificates _certificates = null!;
    private NatsServer _server = null!;

    [SetUp]
    public async Task Start()
    {
        _certificates = new TestCertificates();
        var rights = await File.ReadAllTextAsync(SourceFolder.PathOf("deploy/kubernetes/nats/rights.conf"));
        _server = await NatsServer.RequireAsync(
            $$"""
            tls { cert_file: "{{_certificates.ServerFile}}", key_file: "{{_certificates.ServerKeyFile}}" }
            {{rights.Replace("$NATS_PUBLISHER_PASSWORD", "oberon", StringComparison.Ordinal).Replace("$NATS_FOLLOWER_PASSWORD", "puck", StringComparison.Ordinal)}}
            """);
    }

    [TearDown]
    public async Task Stop()
    {
        await _server.DisposeAsync();
        _certificates.Dispose();
    }

    [Test]
    public async Task Services_WithTheirRights_DoAllTheyHaveTo()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var publisher = await RunningService.StartAsync(database.ConnectionString, [.. As("publisher", "oberon"), "--Nats:CheckpointInterval=00:00:01"]);
        await database.AddMessagesAsync(3);
        await using var follower = await RunningService.StartAsync("", [.. As("follower", "puck"), "--Feed:Source=Nats"]);

        for (var i = 1; i <= 3; i++)
        {
            // Each checkpoint but the last two is deleted.
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
            await Wait.UntilAsync(() => publisher.Log.Entries.Count(entry => entry.EventName == "CheckpointWritten") >= i, RunningService.Patience, "a checkpoint is written");
        }

        await using var later = await RunningService.StartAsync("", [.. As("follower", "puck"), "--Feed:Source=Nats"]);
        var read = new ReadOptions { Strong = true };
        foreach (var service in new[] { follower, later })
        {
            Assert.That((await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = read })).Counts.Retweets, Is.EqualTo(3));
            Assert.That((await service.Client.GetMessageAsync(new GetMessageRequest { MessageId = 2, Read = read })).Author, Is.Not.Empty);
        }

        Assert.That(await _server.ReadLogAsync(), Does.Not.Contain("Violation"));
    }

    [Test]
    public async Task Follower_WhateverItTries_ChangesNothing()
    {
        await using var owner = Connect("publisher", "oberon");
        await new NatsJSContext(owner).CreateStreamAsync(new StreamConfig(Name, [$"{Name}.frames"]));
        await using var connection = Connect("follower", "puck");

        foreach (var subject in new[]
        {
            $"{Name}.frames", $"$JS.API.STREAM.PURGE.{Name}", $"$JS.API.STREAM.DELETE.{Name}", $"$JS.API.STREAM.UPDATE.{Name}", $"$JS.API.STREAM.MSG.DELETE.{Name}", $"$O.{Name}-checkpoints.M.x",
            "$JS.API.STREAM.CREATE.other", "other.frames",
        })
        {
            await connection.PublishAsync(subject, "x");
        }

        await using var listening = await connection.SubscribeCoreAsync<string>($"{Name}.questions");
        await using var eavesdropping = await connection.SubscribeCoreAsync<string>("_INBOX.publisher.>");
        await connection.PingAsync();
        await Wait.UntilAsync(async () => (await _server.ReadLogAsync()).Split("Violation").Length - 1 == 10, RunningService.Patience, "each is refused");
        var stream = await new NatsJSContext(owner).GetStreamAsync(Name);
        Assert.That(stream.Info.State.LastSeq, Is.Zero);
    }

    [Test]
    public async Task Stranger_WithoutAUser_IsRefused()
    {
        await using var stranger = new NatsConnection(new NatsOpts { Url = _server.Url, TlsOpts = new NatsTlsOpts { CaFile = _certificates.AuthorityFile } });
        await Assert.CatchAsync<NatsException>(async () => await stranger.ConnectAsync());
    }

    private string[] As(string user, string password) => [$"--Nats:Url={_server.Url}", $"--Nats:User={user}", $"--Nats:Password={password}", $"--Nats:CaFile={_certificates.AuthorityFile}", "--Nats:MaxMegabytes=32"];

    private NatsConnection Connect(string user, string password) => new(new NatsOpts
    {
        Url = _server.Url,
        InboxPrefix = $"_INBOX.{user}",
        AuthOpts = new NatsAuthOpts { Username = user, Password = password },
        TlsOpts = new NatsTlsOpts { CaFile = _certificates.AuthorityFile },
    });
}
