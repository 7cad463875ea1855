using CacheService.Client.Connections;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.Client.Streams;

/// <summary>
/// A read on a stream, and the task of its caller. It ends once: with its answer, with its failure, with its caller's patience, or with the stream; then its caller's code
/// runs where <see cref="Execute"/> is called, which is never where others would wait for it.
/// </summary>
internal sealed class StreamedRead(long messageId, ReadRequirement? requirement, DateTime deadline, Func<StreamedRead, RpcException, Task<CountsAnswer>> retry, CancellationToken cancellationToken)
    : TaskCompletionSource<CountsAnswer>, IThreadPoolWorkItem
{
    private ReadStream? _stream;
    private CancellationTokenRegistration _registration;
    private int _hasEnded;
    private CountsAnswer? _answer;
    private Exception? _failure;

    /// <summary>Its number on its stream.</summary>
    public ulong Id { get; set; }

    /// <summary>The message.</summary>
    public long MessageId => messageId;

    /// <summary>What it asks for.</summary>
    public ReadRequirement? Requirement => requirement;

    /// <summary>When its caller gives up, in UTC.</summary>
    public DateTime Deadline => deadline;

    /// <summary>Its caller's way to say so earlier.</summary>
    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>Whether the stream that it was on has ended, or is about to.</summary>
    public bool IsCutOff => _stream is { TakesReads: false };

    /// <summary>What is sent of it.</summary>
    public CountsRead ToWire(DateTime now)
    {
        var read = new CountsRead { Id = Id, MessageId = messageId };
        if (requirement is not null)
        {
            // Without one the server does not wait.
            var left = deadline - now;
            read.Read = Wire.To(requirement);
            read.Timeout = Duration.FromTimeSpan(left > TimeSpan.FromMilliseconds(1) ? left : TimeSpan.FromMilliseconds(1));
        }

        return read;
    }

    /// <summary>It begins on a stream. Before it is sent: afterwards it may end at any time.</summary>
    public void Begin(ReadStream stream)
    {
        _stream = stream;
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(static read => ((StreamedRead)read!).Cancel(), this);
        }
    }

    /// <summary>The stream does not take it. Waits for nothing: who cancels it meanwhile waits for the stream.</summary>
    public void TakeBack() => _registration.Unregister();

    /// <summary>Its answer has come.</summary>
    /// <returns>Whether <see cref="Execute"/> is to be called; else it has ended already.</returns>
    public bool End(CountsAnswer answer)
    {
        if (!TryEnd())
        {
            return false;
        }

        _answer = answer;
        return true;
    }

    /// <summary>It has failed. It may be tried again.</summary>
    /// <returns>As the other.</returns>
    public bool End(Exception failure)
    {
        if (!TryEnd())
        {
            return false;
        }

        _failure = failure;
        return true;
    }

    /// <summary>Tells its caller.</summary>
    public void Execute()
    {
        _registration.Unregister();
        switch (_failure)
        {
            case null:
                SetResult(_answer!);
                break;
            case RpcException { StatusCode: StatusCode.Unavailable or StatusCode.ResourceExhausted } refused:
                _ = RetryAsync(refused);
                break;
            case OperationCanceledException:
                SetCanceled(cancellationToken);
                break;
            default:
                SetException(_failure);
                break;
        }
    }

    private bool TryEnd() => Interlocked.Exchange(ref _hasEnded, 1) == 0;

    private void Cancel()
    {
        if (End(new OperationCanceledException()))
        {
            _stream!.GiveUp(this);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private async Task RetryAsync(RpcException failure)
    {
        try
        {
            SetResult(await retry(this, failure).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            SetCanceled(cancellationToken);
        }
        catch (Exception e)
        {
            SetException(e);
        }
    }
}
