using FsCheck;
using FsCheck.Fluent;

namespace CacheService.Tests.Feed.Doorbells;

/// <summary>Turns in a random order.</summary>
internal static class Schedule
{
    private const int LongestRun = 100;

    // The loop's turns most often: what comes between is to come between all of its steps, those of falling asleep and of waking included.
    private static readonly Gen<Turn> AnyTurn = Gen.Frequency(
        (24, Gen.Constant(Turn.Loop)),
        (10, Gen.Elements(Turn.WriteA, Turn.WriteB)),
        (10, Gen.Elements(Turn.CommitA, Turn.CommitB)),
        (2, Gen.Elements(Turn.AbortA, Turn.AbortB)),
        (6, Gen.Constant(Turn.Deliver)),
        (2, Gen.Constant(Turn.Ask)),
        (1, Gen.Elements(Turn.LockOut, Turn.Break)));

    /// <summary>Schedules, which shrink to the fewest turns that do.</summary>
    public static Arbitrary<Turn[]> Any { get; } = Arb.From(
        from length in Gen.Choose(0, LongestRun)
        from turns in AnyTurn.ArrayOf(length)
        select turns,
        Shrink);

    private static IEnumerable<Turn[]> Shrink(Turn[] turns)
    {
        for (var size = turns.Length; size > 0; size /= 2)
        {
            for (var from = 0; from + size <= turns.Length; from += size)
            {
                yield return [.. turns[..from], .. turns[(from + size)..]];
            }
        }
    }
}
