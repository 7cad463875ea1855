using System.Collections.Concurrent;
using System.Threading.Channels;
using CacheService.Tool.Service;
using Grpc.Core;

namespace CacheService.Tool.Watching;

/// <summary>Authors and texts, read in the background when they are first asked for.</summary>
internal sealed class BackgroundTexts(ServiceConnection service, TimeProvider time)
{
    private const int ParallelReads = 4;
    private const int MostKept = 10_000;

    // A text that could not be read is asked for again, but not with each picture.
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<long, Entry> _entries = new();
    private readonly Channel<long> _wanted = Channel.CreateUnbounded<long>();

    /// <summary>What is known at the moment; empty texts where that is nothing.</summary>
    public (string Author, string Text) Find(long messageId)
    {
        if (_entries.TryGetValue(messageId, out var entry) && (entry.FailedAt is not { } at || time.GetElapsedTime(at) < RetryAfter))
        {
            return (entry.Author, entry.Text);
        }

        if (_entries.Count > MostKept)
        {
            _entries.Clear();
        }

        _entries[messageId] = new Entry("", "", null);
        _wanted.Writer.TryWrite(messageId);
        return ("", "");
    }

    /// <summary>Reads until it is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = ParallelReads, CancellationToken = stop };
            await Parallel.ForEachAsync(_wanted.Reader.ReadAllAsync(stop), options, ReadAsync);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The usual end.
        }
    }

    private async ValueTask ReadAsync(long messageId, CancellationToken stop)
    {
        try
        {
            var message = await service.Client.GetMessageAsync(messageId, cancellationToken: stop);
            _entries[messageId] = new Entry(message.Author, message.Text, null);
        }
        catch (RpcException)
        {
            // The counts are shown without it, and the footer says how the service is doing.
            _entries[messageId] = new Entry("", "", time.GetTimestamp());
        }
    }

    private sealed record Entry(string Author, string Text, long? FailedAt);
}
