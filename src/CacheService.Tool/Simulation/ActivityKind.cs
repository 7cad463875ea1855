namespace CacheService.Tool.Simulation;

internal enum ActivityKind
{
    Retweet,
    Like,
    UndoRetweet,
    UndoLike,
}
