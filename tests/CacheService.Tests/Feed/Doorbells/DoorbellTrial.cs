using System.Text;
using CacheService.Counts;
using CacheService.Feed;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace CacheService.Tests.Feed.Doorbells;

/// <summary>
/// Runs the drain loop, one step after the other, over a database where things happen in a given order, and looks for what must not be. All on one thread:
/// the same turns lead to the same end.
/// </summary>
internal sealed class DoorbellTrial : IDisposable
{
    /// <summary>More than enough steps to find all that is committed, and to fall asleep.</summary>
    private const int StepsToSleep = 20;

    /// <summary>Steps at a session's begin that nothing comes between, because most of them are alike: two are left until it falls asleep.</summary>
    private const int QuietSteps = DoorbellMachine.EmptyDrainsBeforeSleep - 2;

    // So short that the loop could fall asleep before it may tell the other caches again.
    private readonly FeedOptions _options = new() { MinDrainInterval = TimeSpan.FromMilliseconds(1) };
    private readonly FakeTimeProvider _time = new();
    private readonly WakeSignal _wake = new();
    private readonly CountsStore _store = new(1);
    private readonly ModelDatabase _database;
    private readonly DrainRequests _requests;
    private readonly DrainLoop _loop;
    private readonly Hearing _hearing;
    private readonly Registration _registration;
    private readonly List<(Task<bool> Answer, ulong[] Includes)> _reads = [];
    private readonly StringBuilder _course = new();
    private IEnumerator<Turn> _turns = Enumerable.Empty<Turn>().GetEnumerator();
    private bool _hasTurns;
    private bool _isAsleep;
    private bool _isQuiet;

    /// <summary>Whether a bell was heard since the last step began.</summary>
    private bool _isRung;

    public DoorbellTrial()
    {
        _database = new ModelDatabase(ComeBetween, _time);
        _requests = new DrainRequests(_wake);
        var progress = new FeedProgress(_store, _time);
        var options = Options.Create(_options);
        _loop = new DrainLoop(new Drainer(_store, new Repairs(), _requests, progress, _time), progress, _wake, new NotificationQueue(), options, _time);
        _hearing = new Hearing(_wake, _loop);
        _registration = ModelDatabase.Register();
        _store.Load([new CountedMessage(ModelDatabase.MessageId, default)], ModelDatabase.EmptySnapshot, _time.GetTimestamp());
    }

    /// <summary>What happened, a line each.</summary>
    public string Course => _course.ToString();

    /// <summary>How often the loop fell asleep, in all runs.</summary>
    public int Sleeps { get; private set; }

    /// <summary>How many bells it heard, in all runs.</summary>
    public long Bells => _hearing.Bells;

    /// <summary>Begins a session, takes the turns, and then lets all that has begun come to its end.</summary>
    /// <returns>What went wrong; null: nothing.</returns>
    public string? Run(IEnumerable<Turn> turns)
    {
        _course.Clear();
        _database.Forget(_store.Version!.Snapshot);
        _turns = turns.GetEnumerator();
        _hasTurns = true;
        BeginSession();
        while (_hasTurns)
        {
            if (StepAndWait() is { } wrong)
            {
                return wrong;
            }
        }

        foreach (var writer in _database.Writers)
        {
            _database.End(writer, commits: true);
        }

        for (var steps = 0; ; steps++)
        {
            while (_database.BellsInTheAir > 0)
            {
                Deliver();
            }

            if (_isAsleep && !_wake.IsSet)
            {
                return FindWrong(isWaiting: true);
            }

            if (steps == StepsToSleep)
            {
                return "it does not fall asleep";
            }

            if (StepAndWait() is { } wrong)
            {
                return wrong;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _wake.Dispose();
        _turns.Dispose();
    }

    private void BeginSession()
    {
        _database.EndSession();
        _loop.EndSession();
        _loop.Begin(_database, _registration, _options.DrainTimeout);
        _isAsleep = false;
        _isRung = false;
        _isQuiet = true;
        for (var step = 0; step < QuietSteps; step++)
        {
            _loop.Step(out var pause);
            _time.Advance(pause);
        }

        _isQuiet = false;
    }

    /// <returns>What went wrong; null: nothing.</returns>
    private string? StepAndWait()
    {
        var wasAsleep = _isAsleep;
        var isWoken = wasAsleep && _isRung;
        _isRung = false;
        TimeSpan pause;
        try
        {
            if (_loop.Step(out pause) is { } reload)
            {
                return $"it loads afresh: {reload.Why}";
            }
        }
        catch (NpgsqlException e) when (e is not PostgresException)
        {
            Tell("a new session");
            BeginSession();
            return FindWrong(isWaiting: false);
        }

        _isAsleep = pause >= _options.HeartbeatInterval;
        Sleeps += _isAsleep && !wasAsleep ? 1 : 0;
        Tell(_isAsleep ? "asleep" : "awake");
        if (isWoken && _database.HoldsAsleep)
        {
            return "a bell was heard, and writers go on ringing";
        }

        if (FindWrong(isWaiting: _isAsleep) is { } wrong)
        {
            return wrong;
        }

        while (TryTakeTurn(out var turn) && turn != Turn.Loop)
        {
            Take(turn);
            if (FindWrong(isWaiting: _isAsleep) is { } then)
            {
                return then;
            }
        }

        _time.Advance(_wake.IsSet ? _options.MinDrainInterval : pause);
        return null;
    }

    /// <summary>Takes turns until it is the loop's.</summary>
    private void ComeBetween()
    {
        while (!_isQuiet && TryTakeTurn(out var turn) && turn != Turn.Loop)
        {
            Take(turn);
        }
    }

    private bool TryTakeTurn(out Turn turn)
    {
        _hasTurns = _hasTurns && _turns.MoveNext();
        turn = _hasTurns ? _turns.Current : Turn.Loop;
        return _hasTurns;
    }

    private void Take(Turn turn)
    {
        Tell($"  {turn}");
        switch (turn)
        {
            case Turn.WriteA or Turn.WriteB:
                _database.Write(_database.Writers[turn - Turn.WriteA]);
                break;
            case Turn.CommitA or Turn.CommitB:
                _database.End(_database.Writers[turn - Turn.CommitA], commits: true);
                break;
            case Turn.AbortA or Turn.AbortB:
                _database.End(_database.Writers[turn - Turn.AbortA], commits: false);
                break;
            case Turn.Deliver when _database.BellsInTheAir > 0:
                Deliver();
                break;
            case Turn.Ask:
                _reads.Add((_requests.NextDrainAsync(), [.. _database.Committed]));
                break;
            case Turn.LockOut:
                _database.Fault = new PostgresException("", "ERROR", "ERROR", PostgresErrorCodes.LockNotAvailable);
                break;
            case Turn.Break:
                _database.Fault = new NpgsqlException("broken");
                break;
        }
    }

    private void Deliver()
    {
        _database.BellsInTheAir--;
        _isRung = true;
        _hearing.HearBell();
    }

    private string? FindWrong(bool isWaiting)
    {
        var snapshot = _store.Version!.Snapshot;
        _store.Read(ModelDatabase.MessageId, out var counts);
        if (_reads.Exists(read => read.Answer is { IsCompleted: true, Result: true } && !Array.TrueForAll(read.Includes, snapshot.Includes)))
        {
            return "a read was answered with less than was committed when it asked";
        }

        _reads.RemoveAll(read => read.Answer.IsCompleted);

        var willWake = _wake.IsSet || _database.BellsInTheAir > 0;
        return !_database.HasMoreThan(snapshot) && counts!.Value.Retweets != _database.TotalCommitted ? "the counts are not those of the snapshot"
            : _database.RangInVain ? "a writer rang after the drain that answers the bell had read"
            : isWaiting && !willWake && _database.HasMoreThan(snapshot) ? "changes wait for the heartbeat"
            : isWaiting && !_wake.IsSet && _reads.Exists(read => !read.Answer.IsCompleted) ? "a read waits for the heartbeat"
            : isWaiting && _database.OwesOthers ? "other caches wait for the heartbeat"
            : null;
    }

    private void Tell(string what) => _course.AppendLine(what);
}
