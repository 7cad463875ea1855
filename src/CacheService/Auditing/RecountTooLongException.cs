namespace CacheService.Auditing;

/// <summary>The recount of a range of messages took too long for the database.</summary>
/// <param name="last">The range's last id.</param>
/// <param name="inner">What the database said.</param>
internal sealed class RecountTooLongException(long last, Exception inner) : Exception("the recount took too long", inner)
{
    /// <summary>The range's last id.</summary>
    public long Last { get; } = last;
}
