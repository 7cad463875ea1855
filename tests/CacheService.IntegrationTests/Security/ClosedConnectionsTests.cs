using System.Net;
using CacheService.IntegrationTests.Hosting;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CacheService.IntegrationTests.Security;

/// <summary>Connections whose clients have gone, and that have calls which do not end.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class ClosedConnectionsTests
{
    private const int Rounds = 150;
    private const int ConnectionsPerRound = 4;

    [Test]
    public async Task Connection_WhoseCallsDoNotEndWhenItIsClosed_IsLetGo()
    {
        var (clock, log, stuck) = (new CountedTimers(), new RecordedLog(), new TaskCompletionSource());
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(log).SetMinimumLevel(LogLevel.Debug);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            var closed = new ClosedConnections(clock, kestrel.ApplicationServices.GetRequiredService<ILogger<ClosedConnections>>());
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => closed.ServeAsync(connection, next));
            listen.Use(next => async connection =>
            {
                await next(connection);
                await stuck.Task;
            });
        }));
        await using var app = builder.Build();
        app.Run(http => http.Response.WriteAsync("hello"));
        await app.StartAsync();
        var address = new Uri(app.Urls.Single());
        using var connections = new ConnectionCount { Port = address.Port };

        using (var client = new HttpClient())
        {
            Assert.That(await client.GetStringAsync(address), Is.EqualTo("hello"));
            Assert.That(clock.Count, Is.Zero, "an open connection may take all the time in the world");
        }

        await Wait.UntilAsync(() => clock.Count > 0, RunningService.Patience, "the connection is closed, and given some time");
        Assert.That(connections.Value, Is.EqualTo(1));
        clock.Advance(TimeSpan.FromSeconds(10));
        await Wait.UntilAsync(() => connections.Value == 0, RunningService.Patience, "the connection is let go of");
        Assert.That(log.Count("ConnectionLetGo"), Is.EqualTo(1));
        stuck.SetResult();
    }

    [Test]
    public async Task Connections_FloodedWithCallsAndResets_AllGo()
    {
        await using var database = await TestDatabase.CreateAsync();
        using var connections = new ConnectionCount();

        // The fewer streams, the shorter is the queue that overflows.
        await using var service = await RunningService.StartAsync(
            database.ConnectionString, "--Limits:MaxStreamsPerConnection=10", "--Logging:LogLevel:Microsoft.AspNetCore.Server.Kestrel.Http2=Debug", "--Logging:LogLevel:CacheService.Security=Debug");
        connections.Port = service.GrpcAddress.Port;
        byte[] flood =
        [
            .. Http2Frames.Preface,
            .. Enumerable.Range(0, 2000).SelectMany(i => (byte[])
            [
                .. Http2Frames.Call((2 * i) + 1, "/tweetcounts.v1.TweetCountsService/GetCounts"),
                .. Http2Frames.Frame(Http2Frames.Data, Http2Frames.EndStream, (2 * i) + 1, Http2Frames.Message([8, 1])),
                .. Http2Frames.Frame(Http2Frames.ResetType, 0, (2 * i) + 1, [0, 0, 0, 8]),
            ]),
        ];
        for (var round = 0; round < Rounds; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, ConnectionsPerRound).Select(async _ =>
            {
                using var connection = await RawConnection.OpenAsync(service.GrpcAddress);
                await connection.SendAsync(flood);
                await connection.FinishAsync();
            }));
        }

        await Wait.UntilAsync(() => connections.Value <= 1, RunningService.Patience, "all connections are gone but our own client's");
        Assert.That(service.Log.Has("ApplicationNeverCompleted"), Is.False);
        await TestContext.Progress.WriteLineAsync(
            $"{Rounds * ConnectionsPerRound} floods: {service.Log.Count("Http2QueueOperationsExceeded")} times a queue overflowed, {service.Log.Count("ConnectionLetGo")} connections were let go of; {connections.Highest} connections at most");
    }
}
