using System.Buffers;
using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using TweetCounts.V1;

namespace CacheService.LoadTests.Streams;

/// <summary>Many watches, whose messages are looked through and thrown away: the processors are for the service.</summary>
internal sealed class CountedStreams : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly Method<WatchCountsRequest, Glance> Watch = new(
        MethodType.ServerStreaming, TweetCountsService.Descriptor.FullName, "WatchCounts", Marshallers.Create(request => request.ToByteArray(), WatchCountsRequest.Parser.ParseFrom),
        Marshallers.Create<Glance>(static (_, _) => throw new NotSupportedException("Only received."), Look));

    private readonly GrpcChannel _channel;
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _reading;
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ConcurrentBag<double> _ages = [];
    private long _counts;
    private long _messages;
    private int _unsynced;

    public CountedStreams(Uri address, IEnumerable<WatchCountsRequest> requests)
    {
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        var invoker = _channel.CreateCallInvoker();
        WatchCountsRequest[] all = [.. requests];
        _unsynced = all.Length;
        _reading = [.. all.Select(request => ReadAsync(invoker.AsyncServerStreamingCall(Watch, host: null, new CallOptions(cancellationToken: _ending.Token), request)))];
    }

    /// <summary>How many counts have come.</summary>
    public long Counts => Interlocked.Read(ref _counts);

    /// <summary>How many messages have come.</summary>
    public long Messages => Interlocked.Read(ref _messages);

    /// <summary>The ages, in milliseconds, of what has come since this was asked before, as far as there was anything in it.</summary>
    public IReadOnlyList<double> TakeAges() => [.. Interlocked.Exchange(ref _ages, [])];

    /// <summary>Completes when each stream has the initial state; fails when one has failed.</summary>
    public async Task WaitUntilSyncedAsync(CancellationToken cancellationToken)
    {
        if (await Task.WhenAny([_synced.Task, .. _reading]).WaitAsync(Patience, cancellationToken) is var first && first != _synced.Task)
        {
            await first;
            throw new LoadTestException("a watch has ended by itself");
        }
    }

    public void Dispose()
    {
        _ending.Cancel();
        _channel.Dispose();
        _ending.Dispose();
    }

    private async Task ReadAsync(AsyncServerStreamingCall<Glance> call)
    {
        using (call)
        {
            try
            {
                for (var synced = false; await call.ResponseStream.MoveNext(_ending.Token);)
                {
                    var message = call.ResponseStream.Current;
                    Interlocked.Add(ref _counts, message.Counts);
                    Interlocked.Increment(ref _messages);
                    if (message is { Counts: > 0, AgeMs: { } age })
                    {
                        Volatile.Read(ref _ages).Add(age);
                    }

                    if (message.IsSynced && !synced)
                    {
                        synced = true;
                        if (Interlocked.Decrement(ref _unsynced) == 0)
                        {
                            _synced.SetResult();
                        }
                    }
                }
            }
            catch (Exception e) when (_ending.IsCancellationRequested && e is RpcException or OperationCanceledException or ObjectDisposedException)
            {
                // Disposed.
            }
        }
    }

    private static Glance Look(DeserializationContext context)
    {
        var payload = context.PayloadAsReadOnlySequence();
        var memory = ArrayPool<byte>.Shared.Rent(context.PayloadLength);
        payload.CopyTo(memory);
        using var input = new CodedInputStream(memory, 0, context.PayloadLength);
        var (counts, synced, age) = (0, false, (double?)null);
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case WatchCountsResponse.FreshnessFieldNumber:
                    age = TweetCounts.V1.Freshness.Parser.ParseFrom(input.ReadBytes()).Age?.ToTimeSpan().TotalMilliseconds;
                    continue;
                case WatchCountsResponse.CountsFieldNumber:
                    counts++;
                    break;
                case WatchCountsResponse.SyncedFieldNumber:
                    synced = true;
                    break;
            }

            input.SkipLastField();
        }

        ArrayPool<byte>.Shared.Return(memory);
        return new Glance(counts, synced, age);
    }

    /// <param name="Counts">How many counts a message has.</param>
    /// <param name="IsSynced">Whether it ends the initial state.</param>
    /// <param name="AgeMs">How old its counts are, in milliseconds, as it says itself; null where it says nothing.</param>
    private sealed record Glance(int Counts, bool IsSynced, double? AgeMs);
}
