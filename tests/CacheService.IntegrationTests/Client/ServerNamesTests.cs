using System.Net;
using CacheService.Client;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.Postgres.Embedded;
using Grpc.Core;

namespace CacheService.IntegrationTests.Client;

/// <summary>A name that leads to several servers, which come and go.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ServerNamesTests
{
    private const string Name = "counts.test";

    private readonly int _port = LoopbackPort.ChooseNew();
    private readonly List<ScriptedServer> _servers = [];
    private IPAddress[] _found = [];

    private Uri Address => new($"dns:///{Name}:{_port}");

    [TearDown]
    public async Task StopServers()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        _servers.Clear();
        _found = [];
    }

    [Test]
    public async Task Calls_ServersComeAndGo_GoToThoseThatAreThere()
    {
        var (first, second, third) = (await StartAsync("127.0.0.2"), await StartAsync("127.0.0.3"), await StartAsync("127.0.0.4"));
        using var client = ClientOf();

        Find("127.0.0.2", "127.0.0.3");
        await UntilReadAsync(client, first, second);
        Find("127.0.0.3", "127.0.0.4");
        await UntilReadAsync(client, third);
        await UntilQuietAsync(client, first);

        await second.KillAsync();
        for (var i = 0; i < 20; i++)
        {
            await client.BatchGetCountsAsync([1]);
        }
    }

    [Test]
    public async Task Streams_ServersComeAndGo_AreOpenedAndEndWhenAllIsAnswered()
    {
        var (first, second) = (await StartAsync("127.0.0.2"), await StartAsync("127.0.0.3"));
        using var client = ClientOf();
        Find("127.0.0.2");
        await ReadUntilAsync(client, () => client.HasStreams, "there is a stream");
        var stream = await first.Service.NextStreamAsync();
        var waiting = client.GetCountsAsync(7);
        var asked = await stream.NextAsync();

        Find("127.0.0.3");
        var opened = second.Service.NextStreamAsync();
        await ReadUntilAsync(client, () => opened.IsCompleted, "there is a stream to the server that came");
        await stream.AnswerAsync(asked);

        Assert.That((await waiting).Counts.Retweets, Is.EqualTo(7), "what was under way is answered");
        await stream.UntilCompletedAsync();
        stream.End();
        await ReadUntilAsync(client, () => client.HasStreams, "the other stream takes reads");
        var reading = client.GetCountsAsync(8);
        await (await opened).AnswerAsync(await (await opened).NextAsync());
        Assert.That((await reading).Counts.MessageId, Is.EqualTo(8));
    }

    [Test]
    public async Task Watch_ItsServerHasGone_ResumesAtAnother()
    {
        var (first, second) = (await StartAsync("127.0.0.2"), await StartAsync("127.0.0.3"));
        using var client = ClientOf();
        await using var reader = new WatchReader(client, WatchOptions.Of(1));
        Find("127.0.0.2");
        var connected = reader.NextAsync<WatchUpdate.Connected>();
        (await first.Service.NextWatchAsync()).Send(Sent.Everything("chain", 5, (1, 10)));
        Assert.That((await connected).Address, Is.EqualTo(first.Address));
        await reader.UntilAsync<WatchUpdate.Synced>();

        Find("127.0.0.3");
        await first.KillAsync();
        var moved = reader.UntilAsync<WatchUpdate.Connected>();
        var resumed = await second.Service.NextWatchAsync();
        resumed.Send(Sent.Progress("chain", 6).With((1, 11)).AsSynced());

        Assert.That((resumed.Request.ResumeEpoch, resumed.Request.ResumeRevision), Is.EqualTo(("chain", 5UL)));
        Assert.That((await moved).Address, Is.EqualTo(second.Address));
        Assert.That((await reader.UntilAsync<WatchUpdate.Changes>()).Counts, Is.EqualTo([new MessageCounts(1, 1, 11, 6)]));
    }

    [Test]
    public async Task Name_NotFound_FailsAndIsFoundLater()
    {
        using var client = ClientOf();
        await using var reader = new WatchReader(client, WatchOptions.Of(1));

        var error = await Assert.ThrowsAsync<RpcException>(() => client.BatchGetCountsAsync([1]));
        Assert.That((error!.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.Unavailable, $"the name {Name} was not found: there are no addresses")));
        Assert.That((await reader.NextAsync<WatchUpdate.Disconnected>()).Reason, Is.EqualTo(error.Status.Detail));

        var server = await StartAsync("127.0.0.2");
        Find("127.0.0.2");
        await UntilReadAsync(client, server);
        var connected = reader.UntilAsync<WatchUpdate.Connected>();
        (await server.Service.NextWatchAsync()).Send(Sent.Progress("a", 1));
        await connected;
    }

    [Test]
    public async Task Tls_OfServersOfAName_IsHeldAgainstTheName()
    {
        await using var database = await TestDatabase.CreateAsync();
        using var certificates = new TestCertificates();
        var (certificate, key) = certificates.IssueServer("named", host: Name);
        await using var service = await RunningService.StartAsync(
            database.ConnectionString, $"--Kestrel:Endpoints:Grpc:Url=https://127.0.0.2:{_port}", $"--Kestrel:Endpoints:Grpc:Certificate:Path={certificate}", $"--Kestrel:Endpoints:Grpc:Certificate:KeyPath={key}");
        await database.AddMessagesAsync(1);
        Find("127.0.0.2");

        await ReadAndWatchAsync(Name);

        var error = await Assert.ThrowsAsync<RpcException>(() => ReadAndWatchAsync("other.test"));
        Assert.That(error!.Status.Detail, Does.Contain("SSL"));

        async Task ReadAndWatchAsync(string name)
        {
            using var client = new TweetCountsClient(
                new TweetCountsClientOptions { Addresses = { new Uri($"dns+https:///{name}:{_port}") }, CertificateAuthorities = certificates.Authorities }, null, null, LookUpAsync);
            await client.BatchGetCountsAsync([1]);
            await ReadUntilAsync(client, () => client.HasStreams, "there is a stream");
            await using var mirror = client.StartMirror(WatchOptions.All);
            await mirror.WaitUntilSyncedAsync();
        }
    }

    [Test]
    public async Task Tool_WithTheSystemsResolver_FollowsAName()
    {
        using var hosts = await OwnHosts.RequireAsync();
        var (first, second) = (await StartAsync("127.0.0.2"), await StartAsync("127.0.0.3"));
        hosts.Set(Name, "127.0.0.2");
        await using var tool = ServiceProcess.StartCommand(
            hosts.Command(Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet", Path.Combine(AppContext.BaseDirectory, "tweetcounts.dll"), "watch", "1", "--json", "--address", $"{Address}"));
        var watch = await first.Service.NextWatchAsync();
        watch.Send(Sent.Everything("chain", 5, (1, 10)));
        await Wait.UntilAsync(() => tool.Output.Contains("synced", StringComparison.Ordinal), RunningService.Patience, $"the tool shows counts: {tool.Output}");

        hosts.Set(Name, "127.0.0.3");
        await first.KillAsync();
        var resumed = await second.Service.NextWatchAsync();

        Assert.That((resumed.Request.ResumeEpoch, resumed.Request.ResumeRevision), Is.EqualTo(("chain", 5UL)));
    }

    private static async Task ReadUntilAsync(TweetCountsClient client, Func<bool> condition, string what) => await Wait.UntilAsync(
        () =>
        {
            _ = condition() ? null : client.GetCountsAsync(ScriptedReads.Opening);
            return condition();
        },
        RunningService.Patience,
        what);

    private static async Task UntilReadAsync(TweetCountsClient client, params ScriptedServer[] servers)
    {
        var before = servers.Select(server => server.Service.Reads).ToArray();
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    await client.BatchGetCountsAsync([1]);
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable)
                {
                    // Its name has not been found yet.
                }

                return servers.Zip(before).All(pair => pair.First.Service.Reads > pair.Second);
            },
            RunningService.Patience,
            "each server is read");
    }

    // Another server is found before calls to the one that has gone end.
    private static Task UntilQuietAsync(TweetCountsClient client, ScriptedServer gone) => Wait.UntilAsync(
        async () =>
        {
            var before = gone.Service.Reads;
            await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.BatchGetCountsAsync([1])));
            return gone.Service.Reads == before;
        },
        RunningService.Patience,
        "the server that has gone is not read");

    private async Task<ScriptedServer> StartAsync(string address)
    {
        var server = await ScriptedServer.StartAsync(new IPEndPoint(IPAddress.Parse(address), _port));
        server.Service.TakesStreams = true;
        _servers.Add(server);
        return server;
    }

    private void Find(params string[] addresses) => _found = [.. addresses.Select(IPAddress.Parse)];

    private TweetCountsClient ClientOf() => new(
        new TweetCountsClientOptions { Addresses = { Address }, MaxBackoff = TimeSpan.FromMilliseconds(100), DnsRefreshInterval = TimeSpan.FromSeconds(1) }, null, null, LookUpAsync);

    private Task<IPAddress[]> LookUpAsync(string name, CancellationToken cancellationToken) => Task.FromResult(_found);
}
