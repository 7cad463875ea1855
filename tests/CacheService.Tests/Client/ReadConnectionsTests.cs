using System.Net;
using CacheService.Client;
using CacheService.Client.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.Tests.Client;

public sealed class ReadConnectionsTests
{
    private const int FewCalls = 16;

    private static readonly TweetCountsClientOptions Options = new() { Addresses = { new Uri("http://127.0.0.1:1") } };

    private readonly Channels _channels = new(Options, new ServerList(Options, NullLogger.Instance, TimeProvider.System, Dns.GetHostAddressesAsync), NullLoggerFactory.Instance);

    [Test]
    public void Choose_FewCalls_StaysWithOne()
    {
        using var connections = new ReadConnections(_channels, processors: 2);

        var chosen = Begin(connections, FewCalls);

        Assert.That(chosen.Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public void Choose_ManyCalls_SpreadsThemEvenly()
    {
        using var connections = new ReadConnections(_channels, processors: 3);

        var chosen = Begin(connections, 3 * 100);

        Assert.That(chosen.CountBy(connection => connection).Select(group => group.Value), Is.EqualTo(new[] { 100, 100, 100 }));
    }

    [Test]
    public void Choose_CallsHaveEnded_ComesBackToTheFirst()
    {
        using var connections = new ReadConnections(_channels, processors: 2);
        var chosen = Begin(connections, 100);
        Assert.That(connections.Choose().Calls, Is.EqualTo(50));

        chosen.ForEach(connection => connection.End());

        Assert.That(connections.Choose(), Is.SameAs(chosen[0]));
        Assert.That(chosen.Select(connection => connection.Calls), Is.All.Zero);
    }

    [Test]
    public void Choose_ManyProcessors_UsesFourConnectionsAtMost()
    {
        using var connections = new ReadConnections(_channels, processors: 64);

        Assert.That(Begin(connections, 1_000).Distinct().Count(), Is.EqualTo(4));
    }

    private static List<ReadConnection> Begin(ReadConnections connections, int calls) => [.. Enumerable.Range(0, calls).Select(_ =>
    {
        var connection = connections.Choose();
        connection.Begin();
        return connection;
    })];
}
