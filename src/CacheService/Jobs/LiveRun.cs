namespace CacheService.Jobs;

/// <summary>A run that this service has under way. Thread-safe.</summary>
internal sealed class LiveRun(ClaimedRun claim, TimeProvider time) : IDisposable
{
    private readonly Lock _ending = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>When it was told to end, as a <see cref="TimeProvider"/> timestamp; 0: it was not.</summary>
    private long _toldAt;
    private bool _isDisposed;

    public ClaimedRun Claim => claim;

    public RunRow Row => claim.Run;

    public RunLog Log { get; } = new(time);

    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Ends when it has ended.</summary>
    public Task Ended { get; set; } = Task.CompletedTask;

    /// <summary>Why it was told to end; null: it was not.</summary>
    public RunEnd? End { get; private set; }

    /// <summary>For how long it has been told to end.</summary>
    public TimeSpan ToldFor => _toldAt == 0 ? TimeSpan.Zero : time.GetElapsedTime(_toldAt);

    /// <summary>Tells it to end. The first reason counts, but for two that overrule it: that it is to end for good, and that it is lost.</summary>
    public void Tell(RunEnd end)
    {
        lock (_ending)
        {
            if (_isDisposed || End is { Kind: RunEndKind.Lost } || (End is not null && end.Kind is not (RunEndKind.Cancel or RunEndKind.Lost)))
            {
                return;
            }

            End = end;
            if (_toldAt == 0)
            {
                _toldAt = time.GetTimestamp();
                // Elsewhere: what the job has registered with the token must not hold up the others.
                _ = _stopping.CancelAsync();
            }
        }
    }

    public void Dispose()
    {
        lock (_ending)
        {
            _isDisposed = true;
            _stopping.Dispose();
        }
    }
}

/// <summary>Why a run was told to end.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Why">In words.</param>
internal sealed record RunEnd(RunEndKind Kind, string Why);

/// <summary>Why a run was told to end, in kinds.</summary>
internal enum RunEndKind
{
    /// <summary>Somebody stops it.</summary>
    Stop,

    /// <summary>Somebody ends it for good.</summary>
    Cancel,

    /// <summary>The service stops.</summary>
    ServiceStops,

    /// <summary>The lock is lost, so that another may have it.</summary>
    Lost,
}
