namespace CacheService.Tool.Simulation;

/// <summary>How far a simulation has got.</summary>
/// <param name="Elapsed">Time since the first turn.</param>
/// <param name="Retweets">Retweets written, undone or not.</param>
/// <param name="Likes">Likes written, undone or not.</param>
/// <param name="UndoneRetweets">Undoings written.</param>
/// <param name="UndoneLikes">Undoings written.</param>
/// <param name="Errors">Writes that failed, or whose outcome is unknown.</param>
/// <param name="LeftOut">Writes that were due and not made, because the database was away or too slow.</param>
/// <param name="Messages">Messages to choose from.</param>
/// <param name="DatabaseAway">Whether the database takes no writes at the moment.</param>
/// <param name="Outages">How often that was so.</param>
internal sealed record SimulationStatus(
    TimeSpan Elapsed, long Retweets, long Likes, long UndoneRetweets, long UndoneLikes, long Errors, long LeftOut, int Messages, bool DatabaseAway, int Outages)
{
    /// <summary>Rows in the database.</summary>
    public long Written => Retweets + Likes + UndoneRetweets + UndoneLikes;
}
