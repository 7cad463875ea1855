using CacheService.Import;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Import;

internal sealed class PaceTests
{
    private static readonly TimeSpan Took = TimeSpan.FromMilliseconds(10);

    private readonly FakeTimeProvider _time = new();

    [Test]
    public async Task Pause_WhereTheDatabaseRepliesLate_GrowsUntilItRepliesInTime()
    {
        await using var pace = new Pace(maxLoad: 0.5, askService: null, _time);
        Assert.That((pace.PauseAfter(Took), pace.Reason), Is.EqualTo((Took, default(string))));
        pace.NoteReply(TimeSpan.FromMilliseconds(15));
        Assert.That(pace.PauseAfter(Took), Is.EqualTo(Took), "it is far away");
        pace.NoteReply(TimeSpan.FromMilliseconds(26));
        Assert.That(((double[])[pace.PauseAfter(Took) / Took, pace.PauseAfter(Took) / Took]), Is.EqualTo(new[] { 3, 7 }).Within(0.001));
        Assert.That(pace.Reason, Does.Contain("the database replies late"));
        pace.NoteReply(TimeSpan.FromMilliseconds(1));
        for (var batch = 0; batch < 4; batch++)
        {
            pace.PauseAfter(Took);
        }

        Assert.That((pace.PauseAfter(Took), pace.Reason), Is.EqualTo((Took, default(string))));
    }

    [TestCase(40, true)]
    [TestCase(30, false)]
    public async Task Pause_WhereTheServiceAnswersLate_Grows(int milliseconds, bool grows)
    {
        await using var pace = new Pace(maxLoad: 1, askService: null, _time);
        pace.NoteAnswer(TimeSpan.FromMilliseconds(15));
        pace.NoteAnswer(TimeSpan.FromMilliseconds(milliseconds));
        Assert.That(pace.PauseAfter(Took) > TimeSpan.Zero, Is.EqualTo(grows));
        Assert.That(pace.Reason, grows ? Does.Contain("the service answers late") : Is.Null);
    }

    [Test]
    public async Task Pause_WhereTheServiceIsAway_DoesNotGrow()
    {
        await using var pace = new Pace(
            maxLoad: 1,
            _ =>
            {
                _time.Advance(TimeSpan.FromSeconds(2));
                throw new HttpRequestException("tried again and again");
            },
            _time);
        pace.Start();
        Assert.That(pace.PauseAfter(Took), Is.EqualTo(TimeSpan.Zero));
    }

    /// <summary>It is late, though nobody says how late it will be in the end.</summary>
    [Test]
    public async Task Pause_WhereTheServiceDoesNotAnswerInTime_Grows()
    {
        await using var pace = new Pace(
            maxLoad: 1,
            _ =>
            {
                _time.Advance(TimeSpan.FromSeconds(2));
                throw new TimeoutException("it has not answered");
            },
            _time);
        pace.Start();
        Assert.That(pace.PauseAfter(Took), Is.GreaterThan(TimeSpan.Zero));
        Assert.That(pace.Reason, Does.Contain("the service answers late"));
    }

    /// <summary>Whoever asks it may be cancelled by a limit of its own: that is no end of the import.</summary>
    [Test]
    public async Task Service_OfWhichAQuestionIsCancelled_IsAskedAgain()
    {
        var asked = 0;
        await using (var pace = new Pace(maxLoad: 1, _ => ++asked > 0 ? throw new OperationCanceledException() : Task.CompletedTask, _time))
        {
            pace.Start();
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.That(asked, Is.GreaterThan(1));
        }
    }

    [Test]
    public async Task FarAway_WhatIsOnItsWay_CountsForNothing()
    {
        await using var pace = new Pace(maxLoad: 0.5, askService: null, _time);
        pace.NoteReply(TimeSpan.FromMilliseconds(20));
        var first = pace.Size;
        // Of 80 ms it is on its way for all: it has rested.
        Assert.That(pace.PauseAfter(TimeSpan.FromMilliseconds(80), roundTrips: 4, rows: first), Is.EqualTo(TimeSpan.Zero));
        Assert.That(pace.Size, Is.GreaterThan(first));
        pace.PauseAfter(TimeSpan.FromMilliseconds(110), roundTrips: 4, rows: pace.Size);
        Assert.That(pace.Size, Is.LessThan(first));
    }

    [Test]
    public async Task AtHand_AReplyThatIsLate_IsNoDistance()
    {
        await using var pace = new Pace(maxLoad: 0.5, askService: null, _time);
        pace.NoteReply(TimeSpan.FromMilliseconds(0.1));
        pace.NoteReply(TimeSpan.FromMilliseconds(5));
        Assert.That(pace.PauseAfter(Took, roundTrips: 4, rows: 1), Is.EqualTo(Took));
    }

    [Test]
    public async Task Size_DoesNotGrowAfterASmallerBatch()
    {
        await using var pace = new Pace(maxLoad: 1, askService: null, _time);
        var first = pace.Size;
        pace.PauseAfter(TimeSpan.FromMilliseconds(0.5), rows: 1);
        Assert.That(pace.Size, Is.EqualTo(first));
    }

    /// <summary>A timer counts whole milliseconds.</summary>
    [Test]
    public async Task Pauses_TooShortToSleep_AreMadeUpForLater()
    {
        await using var pace = new Pace(maxLoad: 0.5, askService: null, _time);
        var took = TimeSpan.FromMilliseconds(0.4);
        Assert.That(
            ((TimeSpan[])[pace.PauseAfter(took), pace.PauseAfter(took), pace.PauseAfter(took), pace.PauseAfter(took)]).Select(pause => pause / took),
            Is.EqualTo(new[] { 0, 0, 3, 0 }).Within(0.001));
    }

    /// <summary>Where a row takes next to nothing, fewer of them would only take more batches.</summary>
    [Test]
    public async Task Size_OfFewRows_GetsSmallerOnlyWhereABatchTakesLong()
    {
        await using var pace = new Pace(maxLoad: 0.1, askService: null, _time);
        var few = pace.Size;
        pace.PauseAfter(TimeSpan.FromMilliseconds(8), rows: few);
        Assert.That(pace.Size, Is.EqualTo(few));
        pace.PauseAfter(TimeSpan.FromMilliseconds(3), rows: few);
        var more = pace.Size;
        Assert.That(more, Is.GreaterThan(few));
        pace.PauseAfter(TimeSpan.FromMilliseconds(3), rows: more);
        Assert.That(pace.Size, Is.LessThan(more));
        // As long as a batch may take: the next one is not compared with that which was halved.
        pace.PauseAfter(TimeSpan.FromMilliseconds(8), rows: pace.Size);
        pace.PauseAfter(TimeSpan.FromMilliseconds(11), rows: pace.Size);
        Assert.That(pace.Size, Is.LessThan(more / 3));
    }

    /// <summary>
    /// On a busy machine a batch takes long, whatever its rows: a row at a time would take for ever. Only rows that each take long are
    /// done one by one. It does not matter how many there were at first: somebody may have held a lock.
    /// </summary>
    [TestCase(15, 0.01, 0.1, 50, 150, 1, TestName = "Size_WhereABatchTakesLong_StaysLarge")]
    [TestCase(8, 0.01, 0.05, 40, 150, 1, TestName = "Size_WhereABatchTakesRatherLong_StaysLarge")]
    [TestCase(8, 0.01, 0.3, 40, 150, 1, TestName = "Size_WhereABatchTakesLongNowAndThen_StaysLarge")]
    [TestCase(20, 0.05, 0.7, 30, 150, 1, TestName = "Size_WhereTheMachineIsBusy_StaysLarge")]
    [TestCase(2, 1, 0.1, 3, 15, 0.3, TestName = "Size_WhereEachRowTakesAWhile_GetsSmall")]
    [TestCase(1, 6, 0.05, 1, 1.3, 0.1, TestName = "Size_WhereARowTakesAsLongAsABatchShould_IsOne")]
    [TestCase(2, 20, 0.1, 1, 1.3, 1, TestName = "Size_WhereEachRowTakesLong_IsOne")]
    public async Task Size_OfManyBatches_IsAbout(double batchMilliseconds, double rowMilliseconds, double spread, double atLeast, double atMost, double longShare)
    {
        foreach (var isHalved in new[] { false, true })
        {
            await using var pace = new Pace(maxLoad: 0.1, askService: null, _time);
            if (isHalved)
            {
                HalveToOne(pace);
            }

            var batches = Work(pace, batchMilliseconds, rowMilliseconds, spread, most: int.MaxValue);
            Assert.That(batches.Average(batch => batch.Size), Is.InRange(atLeast, atMost));
            Assert.That(batches.Count(batch => batch.Took > TimeSpan.FromMilliseconds(10)), Is.LessThanOrEqualTo(longShare * batches.Count));
        }
    }

    /// <summary>A batch of ten large rows is no shorter where half of a hundred are asked for: that they take as long says nothing.</summary>
    [Test]
    public async Task Size_WhereABatchHasFewerRowsAndTakesLong_GetsSmall()
    {
        await using var pace = new Pace(maxLoad: 0.1, askService: null, _time);
        Assert.That(Work(pace, batchMilliseconds: 1, rowMilliseconds: 6, spread: 0.05, most: 10).Average(batch => batch.Size), Is.LessThan(1.3));
    }

    /// <summary>What is far too long gets shorter with each batch, down to a hundred rows.</summary>
    [Test]
    public async Task Size_OfManyRows_IsHalvedWithEachBatchThatTakesLong()
    {
        await using var pace = new Pace(maxLoad: 1, askService: null, _time);
        while (pace.Size < 12_800)
        {
            pace.PauseAfter(TimeSpan.FromMilliseconds(1), rows: pace.Size);
        }

        var batches = 0;
        for (; pace.Size > 100; batches++)
        {
            pace.PauseAfter(TimeSpan.FromMilliseconds(30), rows: pace.Size);
        }

        Assert.That(batches, Is.LessThanOrEqualTo(8));
    }

    [Test]
    public async Task Size_FollowsHowLongABatchTakes()
    {
        await using var pace = new Pace(maxLoad: 1, askService: null, _time);
        var first = pace.Size;
        pace.PauseAfter(TimeSpan.FromMilliseconds(0.5), rows: first);
        Assert.That(pace.Size, Is.GreaterThan(first));
        pace.PauseAfter(TimeSpan.FromMilliseconds(50));
        Assert.That(pace.Size, Is.LessThan(first));
        HalveToOne(pace);
        Assert.That(pace.Size, Is.EqualTo(1));
    }

    private static void HalveToOne(Pace pace)
    {
        for (var time = 0; time < 20; time++)
        {
            pace.Halve();
        }
    }

    /// <summary>
    /// Two thousand batches, after a hundred to get used to them, that take as long as told, times a log-normal noise (by Box and Muller).
    /// </summary>
    private static List<(int Size, TimeSpan Took)> Work(Pace pace, double batchMilliseconds, double rowMilliseconds, double spread, int most)
    {
        var random = new Random(1);
        var batches = new List<(int Size, TimeSpan Took)>();
        for (var batch = 0; batch < 2_100; batch++)
        {
            var rows = Math.Min(most, pace.Size);
            var noise = Math.Exp(spread * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
            batches.Add((rows, TimeSpan.FromMilliseconds((batchMilliseconds + (rowMilliseconds * rows)) * noise)));
            pace.PauseAfter(batches[^1].Took, rows: rows);
        }

        return batches[100..];
    }
}
