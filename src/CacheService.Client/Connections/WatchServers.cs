using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.Client.Connections;

/// <summary>The single servers, each with a channel of its own that is made when first needed. Thread-safe.</summary>
internal sealed class WatchServers(IEnumerable<Uri> addresses, Channels channels) : IDisposable
{
    private readonly (Uri Address, Lazy<GrpcChannel> Channel)[] _servers =
        [.. addresses.Select(address => (address, new Lazy<GrpcChannel>(() => channels.To(address))))];

    public int Count => _servers.Length;

    public Uri Address(int index) => _servers[index].Address;

    public TweetCountsService.TweetCountsServiceClient Client(int index) => new(_servers[index].Channel.Value);

    public void Dispose()
    {
        foreach (var (_, channel) in _servers.Where(server => server.Channel.IsValueCreated))
        {
            channel.Value.Dispose();
        }
    }
}
