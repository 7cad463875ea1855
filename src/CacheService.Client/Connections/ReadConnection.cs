using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.Client.Connections;

/// <summary>A channel for reads, with the number of calls on it. It connects when it is first used.</summary>
internal sealed class ReadConnection(GrpcChannel channel) : IDisposable
{
    private int _calls;

    /// <summary>Makes calls on it.</summary>
    public ReadsClient Client { get; } = new(channel);

    /// <summary>Asks about jobs on it.</summary>
    public JobsService.JobsServiceClient Jobs { get; } = new(channel);

    /// <summary>How many calls are under way.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>A call begins.</summary>
    public void Begin() => Interlocked.Increment(ref _calls);

    /// <summary>A call has ended.</summary>
    public void End() => Interlocked.Decrement(ref _calls);

    /// <inheritdoc/>
    public void Dispose() => channel.Dispose();
}
