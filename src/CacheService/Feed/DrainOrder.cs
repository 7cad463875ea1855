using System.Collections.Immutable;

namespace CacheService.Feed;

/// <summary>What a drain is to do.</summary>
/// <param name="Prelude">What comes before it.</param>
/// <param name="Depth">How much it looks at.</param>
internal readonly record struct DrainOrder(DrainPrelude Prelude, DrainDepth Depth)
{
    // By prelude and depth, made once: drains are many.
    private static readonly ImmutableArray<DrainStep>[][] All =
    [
        .. Enum.GetValues<DrainPrelude>().Select(prelude => (ImmutableArray<DrainStep>[])[.. Enum.GetValues<DrainDepth>().Select(depth => Arrange(prelude, depth))]),
    ];

    /// <summary>
    /// The steps, each of which begins when the one before it has ended. ASLEEP is taken before the changes are read: whoever writes later rings, and whoever wrote
    /// earlier is read. It is given back before they are read as well: whoever writes later need not ring.
    /// </summary>
    public ImmutableArray<DrainStep> Steps => All[(int)Prelude][(int)Depth];

    private static ImmutableArray<DrainStep> Arrange(DrainPrelude prelude, DrainDepth depth)
    {
        DrainStep[] before = prelude switch
        {
            DrainPrelude.FallAsleep => [DrainStep.TakeAsleep],
            DrainPrelude.WakeUp => [DrainStep.GiveAsleepBack],
            _ => [],
        };
        DrainStep[] after = depth == DrainDepth.Baseline ? [DrainStep.ReadBaseline] : [];
        return [.. before, DrainStep.ReadChanges, .. after];
    }
}

/// <summary>A part of a drain.</summary>
internal enum DrainStep
{
    /// <summary>Tries to take the ASLEEP lock.</summary>
    TakeAsleep,

    /// <summary>Gives the ASLEEP lock back.</summary>
    GiveAsleepBack,

    /// <summary>Takes a snapshot, and reads what has changed.</summary>
    ReadChanges,

    /// <summary>Reads all of the <see cref="Baseline"/>.</summary>
    ReadBaseline,
}

/// <summary>How much a drain looks at; each includes what comes before it.</summary>
internal enum DrainDepth
{
    /// <summary>The change log, and whether it is whole.</summary>
    Changes,

    /// <summary>The <see cref="Feed.Footprint"/> of what the changes stand on: that makes the counts as young as the drain.</summary>
    Footprint,

    /// <summary>All of the <see cref="Feed.Baseline"/>, after the changes.</summary>
    Baseline,
}
