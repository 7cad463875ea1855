using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>Reads a chain's frames from the stream, each part once and in order, and begins again where the servers fail. <see cref="RunAsync"/> runs beside the rest, which is thread-safe.</summary>
/// <param name="broker">Who has the stream.</param>
/// <param name="sequence">The last part that is known.</param>
/// <param name="takeAsync">Takes each part.</param>
/// <param name="time">The time.</param>
internal sealed class FrameReader(Broker broker, ulong sequence, Func<ulong, Frame, ValueTask> takeAsync, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private CancellationTokenSource? _attempt;
    private volatile string _failure = "";

    /// <summary>Why the last attempt ended; empty: it has not.</summary>
    public string Failure => _failure;

    /// <summary>Reads for ever.</summary>
    /// <exception cref="ChainEndedException">The stream has something that is no frame.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            SetAttempt(attempt);
            try
            {
                await ReadAsync(attempt.Token);
                _failure = "the stream has ended";
            }
            catch (Exception e) when (e is not ChainEndedException && !cancellationToken.IsCancellationRequested)
            {
                _failure = e.Message;
            }
            finally
            {
                SetAttempt(null);
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <summary>Asks for the next part afresh: what was asked of a server that has gone is never answered.</summary>
    public void BeginAgain()
    {
        lock (_gate)
        {
            _attempt?.Cancel();
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        if (await broker.ReadEndAsync(cancellationToken) is not { } end || end.Last < sequence)
        {
            // A leader that has just been elected may say so for a moment. Where it stays so, the publisher hears of it with the questions, and begins another chain.
            throw new InvalidOperationException("the stream lacks frames that it has had");
        }

        _failure = "";
        await foreach (var (at, part) in broker.ReadFromAsync(sequence + 1, cancellationToken))
        {
            await takeAsync(at, part);
            sequence = at;
        }
    }

    private void SetAttempt(CancellationTokenSource? attempt)
    {
        lock (_gate)
        {
            _attempt = attempt;
        }
    }
}
