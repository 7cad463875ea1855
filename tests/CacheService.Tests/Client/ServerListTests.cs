using System.Net;
using System.Net.Sockets;
using CacheService.Client;
using CacheService.Client.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Client;

public sealed class ServerListTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly List<string> _lookedUp = [];
    private readonly Dictionary<string, string[]> _names = [];
    private FakeTimeProvider _time = null!;
    private int _changes;

    [SetUp]
    public void Begin()
    {
        _time = new FakeTimeProvider();
        _lookedUp.Clear();
        _names.Clear();
        _changes = 0;
    }

    [Test]
    public void Addresses_WithoutNamesToLookUp_StayAsTheyAre()
    {
        using var servers = ListOf("http://b:1", "http://a:2");

        Assert.That(servers.BeginAsync().IsCompleted);
        servers.LookUpSoon();
        _time.Advance(TimeSpan.FromHours(1));

        Assert.That((servers.IsFixed, Addresses(servers), _lookedUp.Count), Is.EqualTo((true, "http://b:1/ http://a:2/", 0)));
    }

    [Test]
    public void Names_AreLookedUpWhenNeededAndAgain()
    {
        _names["counts"] = ["10.0.0.2", "10.0.0.1"];
        using var servers = ListOf("http://a:1", "dns:///counts:5080");
        Assert.That((Addresses(servers), _lookedUp.Count), Is.EqualTo(("", 0)), "nobody has needed one");

        Begin(servers);
        Assert.That((Addresses(servers), _changes), Is.EqualTo(("http://a:1/ http://10.0.0.1:5080/ http://10.0.0.2:5080/", 1)));

        _names["counts"] = ["10.0.0.1", "fd00::7"];
        _time.Advance(Interval - TimeSpan.FromMilliseconds(1));
        Assert.That(_changes, Is.EqualTo(1));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That((Addresses(servers), _changes), Is.EqualTo(("http://a:1/ http://10.0.0.1:5080/ http://[fd00::7]:5080/", 2)));
        _time.Advance(Interval);
        Assert.That((_lookedUp.Count, _changes), Is.EqualTo((3, 2)), "what is the same as before is no change");
    }

    [Test]
    public void Names_WhenAServerFails_AreLookedUpOnceASecondAtMost()
    {
        _names["counts"] = ["10.0.0.1"];
        using var servers = ListOf("dns:///counts:5080");
        Begin(servers);

        servers.LookUpSoon();
        servers.LookUpSoon();
        _time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.That(_lookedUp, Has.Count.EqualTo(1));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.That(_lookedUp, Has.Count.EqualTo(2));

        _time.Advance(TimeSpan.FromSeconds(5));
        servers.LookUpSoon();
        _time.Advance(TimeSpan.Zero);
        Assert.That(_lookedUp, Has.Count.EqualTo(3), "at once where the last look was long ago");
    }

    [Test]
    public void Name_NotFound_KeepsWhatItLedToAndIsLookedUpSoon()
    {
        using var servers = ListOf("dns+https:///counts:5080");
        Begin(servers);
        Assert.That((Addresses(servers), servers.Failure, _changes), Is.EqualTo(("", "the name counts was not found: there is no counts", 1)));

        _names["counts"] = ["10.0.0.1"];
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That((Addresses(servers), servers.Failure), Is.EqualTo(("https://10.0.0.1:5080/", (string?)null)));

        _names["counts"] = [];
        _time.Advance(Interval);
        _names.Remove("counts");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That((Addresses(servers), servers.Failure, _lookedUp.Count), Is.EqualTo(("https://10.0.0.1:5080/", (string?)null, 4)));
    }

    [Test]
    public void Servers_OfTwoNames_AreBothThereOnce()
    {
        _names["a"] = ["10.0.0.1"];
        _names["b"] = ["10.0.0.1", "10.0.0.2"];
        using var servers = ListOf("dns:///a:1", "dns:///b:1", "dns:///a:1");
        Begin(servers);

        Assert.That(Addresses(servers), Is.EqualTo("http://10.0.0.1:1/ http://10.0.0.1:1/ http://10.0.0.2:1/"), "a certificate may be for one of the names alone");
    }

    private static string Addresses(ServerList servers) => string.Join(' ', servers.Current.Select(server => server.Address));

    private void Begin(ServerList servers)
    {
        servers.Changed += () => _changes++;
        var begun = servers.BeginAsync();
        _time.Advance(TimeSpan.Zero);
        Assert.That(begun.IsCompleted);
    }

    private ServerList ListOf(params string[] addresses) => new(
        new TweetCountsClientOptions { Addresses = [.. addresses.Select(address => new Uri(address))], DnsRefreshInterval = Interval }, NullLogger.Instance, _time, LookUpAsync);

    private Task<IPAddress[]> LookUpAsync(string name, CancellationToken cancellationToken)
    {
        _lookedUp.Add(name);
        return _names.TryGetValue(name, out var found)
            ? Task.FromResult<IPAddress[]>([.. found.Select(IPAddress.Parse)])
            : Task.FromException<IPAddress[]>(new SocketException((int)SocketError.HostNotFound, $"there is no {name}"));
    }
}
