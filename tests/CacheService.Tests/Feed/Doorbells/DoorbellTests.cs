using FsCheck;
using FsCheck.Fluent;

namespace CacheService.Tests.Feed.Doorbells;

/// <summary>The drain loop over a database in memory, with every order of bells, drains, locks and failures.</summary>
internal sealed class DoorbellTests
{
    private const int Schedules = 10_000;

    /// <summary>The points between the loop's steps, from its first to where it has fallen asleep, drained at a heartbeat, and was woken.</summary>
    private const int Points = 26;

    [Test]
    public async Task Loop_TurnsInAnyOrder_LeavesNothingToTheHeartbeat()
    {
        var (sleeps, bells) = (0, 0L);
        var property = Prop.ForAll(Schedule.Any, turns =>
        {
            using var trial = new DoorbellTrial();
            var wrong = trial.Run(turns);
            sleeps += trial.Sleeps;
            bells += trial.Bells;
            return (wrong is null).Label($"{wrong}:\n{trial.Course}");
        });
        await Task.Run(() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(Schedules), property));

        await TestContext.Progress.WriteLineAsync($"{Schedules} schedules: asleep {sleeps} times, {bells} bells");
        Assert.That(sleeps, Is.GreaterThan(Schedules / 2), "it slept");
        Assert.That(bells, Is.GreaterThan(Schedules / 20), "it was woken");
    }

    /// <summary>Two writers begin and commit at any two points each, in every order, while bells take more or less time: nothing is left out.</summary>
    [Test]
    public async Task Loop_TwoWritersAtAnyPoints_LeavesNothingToTheHeartbeat([Values(0, 1, 4)] int pointsUntilHeard)
    {
        var runs = 0;
        using var trial = new DoorbellTrial();
        var spans = Enumerable.Range(0, Points).SelectMany(begin => Enumerable.Range(begin, Points - begin).Select(end => (Begin: begin, End: end))).ToArray();
        foreach (var a in spans)
        {
            foreach (var b in spans)
            {
                var turns = Between(a, b, pointsUntilHeard).ToArray();
                var wrong = trial.Run(turns);
                Assert.That(wrong, Is.Null, () => $"A at {a}, B at {b}:\n{trial.Course}");
                runs++;
            }
        }

        await TestContext.Progress.WriteLineAsync($"{runs} runs, {trial.Bells} bells");
        Assert.That(trial.Bells, Is.GreaterThan(runs / 4), "they rang");
    }

    private static IEnumerable<Turn> Between((int Begin, int End) a, (int Begin, int End) b, int pointsUntilHeard)
    {
        for (var point = 0; point < Points; point++)
        {
            if (a.Begin == point)
            {
                yield return Turn.WriteA;
            }

            if (b.Begin == point)
            {
                yield return Turn.WriteB;
            }

            if (a.End == point)
            {
                yield return Turn.CommitA;
            }

            if (b.End == point)
            {
                yield return Turn.CommitB;
            }

            if (point == a.End + pointsUntilHeard || point == b.End + pointsUntilHeard)
            {
                yield return Turn.Deliver;
                yield return Turn.Deliver;
            }

            yield return Turn.Loop;
        }
    }
}
