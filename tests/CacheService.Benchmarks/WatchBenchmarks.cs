using System.Buffers;
using BenchmarkDotNet.Attributes;
using CacheService.Api.Grpc;
using CacheService.Api.Http;
using CacheService.Api.Messages;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Watching;
using Microsoft.Extensions.Options;

namespace CacheService.Benchmarks;

/// <summary>What it costs to tell watchers of a drain with one change: from the change to the bytes of their messages, all but the transport.</summary>
[InProcess]
[MemoryDiagnoser]
public class WatchBenchmarks
{
    private const int KeysEach = 20;
    private const int Streams = 100;

    private readonly Watchers _nobody = new(0, null);
    private readonly Watchers _one = new(1, null);
    private readonly Watchers _many = new(Streams, null);
    private readonly Watchers _keyed = new(1, [.. Enumerable.Range(1, KeysEach).Select(id => (long)id)]);

    [GlobalCleanup]
    public void CleanUp() => Array.ForEach([_nobody, _one, _many, _keyed], watchers => watchers.Dispose());

    [Benchmark]
    [AllocationBudget(230)]
    public void TellNobody() => _nobody.Tell();

    [Benchmark]
    [AllocationBudget(1_400)]
    public void TellAStreamOfEverything() => _one.Tell();

    [Benchmark]
    [AllocationBudget(50_000)]
    public void Tell100StreamsOfEverything() => _many.Tell();

    [Benchmark]
    [AllocationBudget(1_150)]
    public void TellAStreamOf20Messages() => _keyed.Tell();

    [Benchmark]
    [AllocationBudget(50_000)]
    public void Tell100EventStreamsOfEverything() => _many.TellEvents();

    [Benchmark]
    [AllocationBudget(1_150)]
    public void TellAnEventStreamOf20Messages() => _keyed.TellEvents();

    /// <summary>A store with subscriptions, whose messages go nowhere.</summary>
    private sealed class Watchers : IDisposable
    {
        private const int Messages = 10_000;

        private static readonly PgSnapshot Snapshot = PgSnapshot.Parse("1:1:");

        private readonly CountsStore _store = new(1000);
        private readonly WatchHub _hub;
        private readonly List<Subscription> _subscriptions = [];
        private readonly List<CountChange> _change = [new CountChange(1, 1, 0, 0)];
        private readonly Answer _answer = new(100_000);
        private readonly ArrayBufferWriter<byte> _events = new(100_000);

        public Watchers(int streams, long[]? messageIds)
        {
            _hub = new WatchHub(_store, Options.Create(new SubscriptionOptions()), TimeProvider.System);
            _hub.Start();
            _store.Load(Enumerable.Range(1, Messages).Select(id => new CountedMessage(id, default)), Snapshot, 0);
            for (var n = 0; n < streams; n++)
            {
                _subscriptions.Add(_hub.Subscribe(messageIds, null));
            }

            Tell();
        }

        public void Tell() => Tell(static (watchers, reply) => WatchCall.Marshaller.ContextualSerializer(reply, watchers._answer));

        public void TellEvents()
        {
            _events.ResetWrittenCount();
            Tell(static (watchers, reply) => EncodedEvent.Write(watchers._events, reply));
        }

        private void Tell(Action<Watchers, WatchReply> send)
        {
            _store.Apply(_change, Snapshot, 0);
            foreach (var subscription in _subscriptions)
            {
                foreach (var batch in subscription.Collect())
                {
                    send(this, new WatchReply(batch, batch.Version, batch.AheadTo, TimeSpan.Zero, FeedState.Live));
                }
            }
        }

        public void Dispose()
        {
            _subscriptions.ForEach(subscription => subscription.Dispose());
            _hub.Dispose();
        }
    }
}
