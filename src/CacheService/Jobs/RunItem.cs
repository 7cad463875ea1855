namespace CacheService.Jobs;

/// <summary>What a run has worked on: a row of <c>twjobs.item</c>.</summary>
/// <param name="Key">What it is called within its run.</param>
/// <param name="State">What became of it.</param>
/// <param name="Before">What it was, as JSON.</param>
/// <param name="After">What it is now, as JSON.</param>
/// <param name="Error">Why it failed, in words.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="At">When it was tried last; null before the database says.</param>
internal sealed record RunItem(string Key, ItemState State, string? Before, string? After, string Error = "", int Attempts = 1, DateTimeOffset? At = null);

/// <summary>What became of an item. The database has these names in small letters.</summary>
internal enum ItemState
{
    Done,

    Failed,

    /// <summary>It has failed, and somebody has said that this is no matter.</summary>
    Ignored,
}
