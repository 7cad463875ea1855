namespace CacheService.Tool.Simulation;

/// <summary>What the simulator has done to one message.</summary>
internal sealed class MessageTally
{
    public int Written { get; private set; }

    /// <summary>Retweets written and not undone.</summary>
    public int Retweets { get; private set; }

    /// <summary>Likes written and not undone.</summary>
    public int Likes { get; private set; }

    // Undoings that were handed out and are not known to be written. They count as undone from the start: two clients
    // must not undo the same retweet, and one that failed may yet have been committed.
    private int _retweetsBeingUndone;
    private int _likesBeingUndone;

    public bool TryUndoRetweet() => TryUndo(Retweets, ref _retweetsBeingUndone);

    public bool TryUndoLike() => TryUndo(Likes, ref _likesBeingUndone);

    public void CountWritten(ActivityKind kind)
    {
        Written++;
        switch (kind)
        {
            case ActivityKind.Retweet:
                Retweets++;
                break;
            case ActivityKind.Like:
                Likes++;
                break;
            case ActivityKind.UndoRetweet:
                Retweets--;
                _retweetsBeingUndone--;
                break;
            case ActivityKind.UndoLike:
                Likes--;
                _likesBeingUndone--;
                break;
        }
    }

    private static bool TryUndo(int done, ref int beingUndone)
    {
        if (done <= beingUndone)
            return false;
        beingUndone++;
        return true;
    }
}
