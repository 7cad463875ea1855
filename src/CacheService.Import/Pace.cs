namespace CacheService.Import;

/// <summary>
/// How much an import does at a time, and how long it pauses: so that nobody waits long for its locks, and that others keep their share of the database. It slows down where the database
/// replies late, or the service to a read that has to be up to date. For one caller at a time.
/// </summary>
/// <param name="maxLoad">The share of its time for which it works.</param>
/// <param name="askService">Has the service answer a read that includes everything committed before; null: there is no service.
/// It throws an <see cref="HttpRequestException"/> where there is none at the moment.</param>
/// <param name="time">The clock.</param>
internal sealed class Pace(double maxLoad, Func<CancellationToken, Task>? askService, TimeProvider time) : IAsyncDisposable
{
    // Fewer take little less time than these, unless each row takes long.
    private const int FewRows = 100;
    // Fewer rows are of use where half of them take no more than this share of the time.
    private const double UsefulShare = 0.75;
    private const int TryMoreEvery = 16;
    private const int LargestSize = 20_000;
    private const double StrongestBrake = 32;

    // Later than at best, because either may be far away.
    private static readonly TimeSpan LateService = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LateDatabase = TimeSpan.FromMilliseconds(10);
    // A database at hand has answered by then, and what it took it has worked for.
    private static readonly TimeSpan AtHand = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan AskPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    // A timer counts whole milliseconds.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan AimedAtWithFewRows = TimeSpan.FromMilliseconds(5);

    // What a batch should take: who writes to a row that it changes, or wants the processor that it has, waits for so long.
    // Whoever has it work for more of its time wants it to end sooner.
    private readonly TimeSpan _aimedAt = TimeSpan.FromMilliseconds(Math.Max(1, 10 * maxLoad));

    private readonly CancellationTokenSource _ended = new();
    private Task _asking = Task.CompletedTask;
    private volatile bool _isServiceLate;
    private bool _isDatabaseLate;
    private TimeSpan _lastReply;
    private TimeSpan _bestReply = TimeSpan.MaxValue;
    private TimeSpan _bestAnswer = TimeSpan.MaxValue;
    private double _brake = 1;
    private TimeSpan _owed;
    // How long the last batch took, if Size was halved because of it; else null.
    private TimeSpan? _tookTooLong;
    private int _smallBatches;

    /// <summary>How many rows to do at a time.</summary>
    public int Size { get; private set; } = FewRows;

    /// <summary>Why it goes slowly; null: it does not.</summary>
    public string? Reason => _brake < 2 ? null : _isServiceLate ? "slowed down, because the service answers late" : "slowed down, because the database replies late";

    /// <summary>Begins to look how the service does.</summary>
    public void Start() => _asking = askService is null ? Task.CompletedTask : AskAsync(_ended.Token);

    /// <summary>How long the database took for next to nothing.</summary>
    public void NoteReply(TimeSpan reply)
    {
        _lastReply = reply;
        _bestReply = reply < _bestReply ? reply : _bestReply;
        _isDatabaseLate = reply - _bestReply > LateDatabase;
    }

    /// <summary>How long the service took.</summary>
    public void NoteAnswer(TimeSpan answer)
    {
        _bestAnswer = answer < _bestAnswer ? answer : _bestAnswer;
        _isServiceLate = answer - _bestAnswer > LateService;
    }

    /// <summary>Others stand in the way of so many rows.</summary>
    public void Halve()
    {
        Size = Math.Max(1, Size / 2);
        _tookTooLong = null;
    }

    /// <summary>How long to pause after a batch.</summary>
    /// <param name="took">How long it took.</param>
    /// <param name="roundTrips">How often it waited for an answer of the database: on the way there and back nothing is done, and nobody is in anybody's way.</param>
    /// <param name="rows">How many rows it did; from fewer than it was to do nothing is learnt for larger ones.</param>
    public TimeSpan PauseAfter(TimeSpan took, int roundTrips = 0, long rows = 0)
    {
        // One at hand that replies late has much to do.
        var working = _bestReply < AtHand ? took : took - (roundTrips * _lastReply);
        Resize(working, rows);
        _brake = _isServiceLate || _isDatabaseLate ? Math.Min(StrongestBrake, _brake * 2) : Math.Max(1, _brake / 1.5);
        var pause = (working * (_brake / maxLoad)) - took;
        _owed += pause < TimeSpan.Zero ? TimeSpan.Zero : pause < LongestPause ? pause : LongestPause;
        var due = _owed < ShortestPause ? TimeSpan.Zero : _owed;
        _owed -= due;
        return due;
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _asking;
        _ended.Dispose();
    }

    private void Resize(TimeSpan working, long rows)
    {
        var isWhole = rows >= Size;
        var aimedAt = Size > FewRows || _aimedAt > AimedAtWithFewRows ? _aimedAt : AimedAtWithFewRows;
        // A stall looks like slow rows, and leaves few of them: now and then more are tried.
        var triesMore = Size < FewRows && ++_smallBatches % TryMoreEvery == 0;
        if (working <= 2 * aimedAt)
        {
            _tookTooLong = null;
            // A few grow more readily, for the same reason; one or two do not, because the next larger number is twice as many.
            var isShort = working < (Size is > 2 and < FewRows ? 1.5 : 1) * aimedAt;
            Size = isWhole && (isShort || triesMore) ? Math.Min(LargestSize, Size + (Size / 2) + 1) : Size;
        }
        else if (isWhole && Size < FewRows && _tookTooLong is { } before && working > UsefulShare * before)
        {
            // Half of the rows take as long: the machine is busy with other work, or others hold locks, and fewer rows would only take
            // more batches. The next batch has twice as many as there were before they were halved. As many as there were would not do,
            // because by chance alone a batch is often shorter than the one before it, and rows would get fewer and fewer.
            _tookTooLong = null;
            Size = Math.Min(FewRows, 4 * Size);
        }
        else if (Size > 1)
        {
            Size /= 2;
            _tookTooLong = isWhole ? working : null;
        }
        else
        {
            _tookTooLong = null;
            Size = triesMore ? 2 : 1;
        }
    }

    private async Task AskAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var asked = time.GetTimestamp();
                try
                {
                    await askService!(cancellationToken);
                    NoteAnswer(time.GetElapsedTime(asked));
                }
                catch (HttpRequestException)
                {
                    // Nobody is there whom it would help that an import goes slowly, however long it took to find that out.
                    _isServiceLate = false;
                }
                catch (Exception) when (!cancellationToken.IsCancellationRequested)
                {
                    // One that does not answer in time is later than late.
                    _isServiceLate = time.GetElapsedTime(asked) > LateService;
                }

                await Task.Delay(AskPause, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The usual end.
        }
    }
}
