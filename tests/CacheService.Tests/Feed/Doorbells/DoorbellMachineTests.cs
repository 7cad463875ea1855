using CacheService.Feed;
using FsCheck;
using FsCheck.Fluent;

namespace CacheService.Tests.Feed.Doorbells;

internal sealed class DoorbellMachineTests
{
    private readonly FeedOptions _options = new();
    private DoorbellMachine _machine = null!;

    [SetUp]
    public void SetUp() => _machine = new DoorbellMachine(_options);

    [Test]
    public void BeginDrain_AfterEnoughEmptyDrains_FallsAsleep()
    {
        var awake = TimeSpan.Zero;
        for (var drain = 0; drain < DoorbellMachine.EmptyDrainsBeforeSleep; drain++)
        {
            Assert.That(Drain(WakeReasons.None, found: false), Is.EqualTo(DrainPrelude.None));
            awake += _machine.WaitFor(isRinger: true);
        }

        Assert.That(Drain(WakeReasons.None, found: false, getsLock: true), Is.EqualTo(DrainPrelude.FallAsleep));
        Assert.That(awake.TotalMilliseconds, Is.InRange(30, 60), "through the pauses of writers that come often, and not for long");

        Assert.That((_machine.State, _machine.WaitFor(isRinger: true)), Is.EqualTo((DoorbellState.Asleep, _options.HeartbeatInterval)));
    }

    [Test]
    public void BeginDrain_MayNotFallAsleep_StaysAwake()
    {
        for (var drain = 0; drain < 20; drain++)
        {
            Assert.That(_machine.BeginDrain(WakeReasons.None, mayFallAsleep: false), Is.EqualTo(DrainPrelude.None));
            _machine.EndDrain(holdsAsleep: false, foundChanges: false);
        }

        Assert.That((_machine.State, _machine.WaitFor(isRinger: true)), Is.EqualTo((DoorbellState.Awake, _options.MaxDrainPause)));
    }

    [Test]
    public void EndDrain_LockedWithChangesFound_WakesUpAtTheNextDrain()
    {
        FallAsleep(found: true);
        Assert.That((_machine.State, _machine.WaitFor(isRinger: true)), Is.EqualTo((DoorbellState.Waking, _options.MinDrainInterval)));

        Assert.That(Drain(WakeReasons.None, found: false), Is.EqualTo(DrainPrelude.WakeUp));
        Assert.That(_machine.State, Is.EqualTo(DoorbellState.Awake));
    }

    [Test]
    public void EndDrain_LockNotGranted_LooksLessAndLessOften()
    {
        FallAsleep(found: false, getsLock: false);
        var pauses = new List<TimeSpan>();
        for (var drain = 0; drain < 5; drain++)
        {
            pauses.Add(_machine.WaitFor(isRinger: true));
            Assert.That(Drain(WakeReasons.None, found: false, getsLock: false), Is.EqualTo(DrainPrelude.FallAsleep));
        }

        Assert.That(pauses, Is.Ordered.And.Some.EqualTo(_options.MaxDrainPause).And.All.LessThanOrEqualTo(_options.MaxDrainPause));
        Assert.That(_machine.State, Is.EqualTo(DoorbellState.Awake));
    }

    [TestCase(WakeReasons.Bell, DrainPrelude.WakeUp, DoorbellState.Awake)]
    [TestCase(WakeReasons.Bell | WakeReasons.Request, DrainPrelude.WakeUp, DoorbellState.Awake)]
    [TestCase(WakeReasons.Request, DrainPrelude.None, DoorbellState.Asleep)]
    [TestCase(WakeReasons.None, DrainPrelude.None, DoorbellState.Asleep)]
    public void BeginDrain_Asleep_WakesUpForABellAlone(WakeReasons reasons, DrainPrelude prelude, DoorbellState then)
    {
        FallAsleep(found: false);
        Assert.That((Drain(reasons, found: false), _machine.State), Is.EqualTo((prelude, then)));
    }

    [Test]
    public void FailDrain_Asleep_IsAwake()
    {
        FallAsleep(found: false);
        _machine.BeginDrain(WakeReasons.None, mayFallAsleep: true);

        Assert.That(_machine.FailDrain(), Is.EqualTo(_options.MaxDrainPause));
        Assert.That(_machine.State, Is.EqualTo(DoorbellState.Awake));
        Assert.That(Drain(WakeReasons.None, found: false), Is.EqualTo(DrainPrelude.None), "it counts its empty drains anew");
    }

    [Test]
    public void WaitFor_NotTheRinger_IsTheHeartbeat() => Assert.That(_machine.WaitFor(isRinger: false), Is.EqualTo(_options.HeartbeatInterval));

    [Test]
    public void Machine_ToldAnything_SleepsOnlyWithTheLockAndNothingFound()
    {
        var told = Gen.Choose(0, 127).ListOf(80);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(Arb.From(told), each =>
        {
            var machine = new DoorbellMachine(_options);
            var (holds, emptyDrains) = (false, 0);
            return each.All(bits =>
            {
                bool Bit(int bit) => (bits & (1 << bit)) != 0;
                var mayFallAsleep = Bit(0) || Bit(1);
                var isAsleep = machine.State == DoorbellState.Asleep;
                var reasons = Bit(2) ? WakeReasons.Bell : WakeReasons.None;
                var prelude = machine.BeginDrain(reasons, mayFallAsleep);
                var isRight = prelude switch
                {
                    DrainPrelude.WakeUp => holds && (!isAsleep || Bit(2)),
                    DrainPrelude.FallAsleep => !holds && mayFallAsleep && emptyDrains >= DoorbellMachine.EmptyDrainsBeforeSleep,
                    _ => holds ? isAsleep && !Bit(2) : !mayFallAsleep || emptyDrains < DoorbellMachine.EmptyDrainsBeforeSleep,
                };
                if (Bit(3) && Bit(4) && Bit(5))
                {
                    machine.FailDrain();
                    (holds, emptyDrains) = (false, 0);
                    return isRight && machine.State == DoorbellState.Awake;
                }

                var found = Bit(6) && Bit(5);
                holds = prelude switch { DrainPrelude.WakeUp => false, DrainPrelude.FallAsleep => Bit(4), _ => holds };
                emptyDrains = found || prelude == DrainPrelude.WakeUp ? 0 : emptyDrains + 1;
                machine.EndDrain(holds, found);
                return isRight
                    && machine.State == (!holds ? DoorbellState.Awake : found ? DoorbellState.Waking : DoorbellState.Asleep)
                    && (machine.WaitFor(isRinger: true) == _options.HeartbeatInterval) == (holds && !found)
                    && machine.WaitFor(isRinger: false) == _options.HeartbeatInterval;
            });
        }));
    }

    private void FallAsleep(bool found, bool getsLock = true)
    {
        for (var drain = 0; drain < DoorbellMachine.EmptyDrainsBeforeSleep; drain++)
        {
            Drain(WakeReasons.None, found: false);
        }

        Assert.That(Drain(WakeReasons.None, found, getsLock), Is.EqualTo(DrainPrelude.FallAsleep));
    }

    private DrainPrelude Drain(WakeReasons reasons, bool found, bool getsLock = false)
    {
        var held = _machine.State is DoorbellState.Asleep or DoorbellState.Waking;
        var prelude = _machine.BeginDrain(reasons, mayFallAsleep: true);
        _machine.EndDrain(prelude switch { DrainPrelude.WakeUp => false, DrainPrelude.FallAsleep => getsLock, _ => held }, found);
        return prelude;
    }
}
