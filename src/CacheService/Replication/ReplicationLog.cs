namespace CacheService.Replication;

/// <summary>What publishing and following log.</summary>
internal static partial class ReplicationLog
{
    [LoggerMessage(EventId = 1100, EventName = "ChainBegun", Level = LogLevel.Information,
        Message = "Publishes a new chain of frames, {Chain}: its checkpoint has {Messages} messages, and took {Seconds:F1} s. Followers load it.")]
    public static partial void BeganChain(ILogger logger, string chain, long messages, double seconds);

    [LoggerMessage(EventId = 1101, EventName = "ChainTakenOver", Level = LogLevel.Information,
        Message = "Publishes from here on: goes on with chain {Chain} after frame {Number}, with {Messages} messages in the first frame.")]
    public static partial void TookOver(ILogger logger, string chain, ulong number, int messages);

    [LoggerMessage(EventId = 1102, EventName = "PublishingStopped", Level = LogLevel.Warning,
        Message = "Publishes no more, because {Reason}.")]
    public static partial void StoppedPublishing(ILogger logger, string reason);

    [LoggerMessage(EventId = 1103, EventName = "NotPublished", Level = LogLevel.Warning,
        Message = "The counts are not published, and followers grow stale: {Reason} It goes on trying.")]
    public static partial void NotPublished(ILogger logger, string reason);

    [LoggerMessage(EventId = 1104, EventName = "CheckpointWritten", Level = LogLevel.Information,
        Message = "Wrote a checkpoint at frame {Number}: {Messages} messages, {Seconds:F1} s.")]
    public static partial void WroteCheckpoint(ILogger logger, ulong number, long messages, double seconds);

    [LoggerMessage(EventId = 1105, EventName = "CheckpointFailed", Level = LogLevel.Warning,
        Message = "No checkpoint was written, and followers that start begin at an earlier one: {Reason}")]
    public static partial void NoCheckpoint(ILogger logger, string reason);

    [LoggerMessage(EventId = 1106, EventName = "QuestionsNotHeard", Level = LogLevel.Warning,
        Message = "Questions of followers are not heard or not answered: {Reason}")]
    public static partial void NotListening(ILogger logger, string reason);

    [LoggerMessage(EventId = 1107, EventName = "ChainDiffered", Level = LogLevel.Warning,
        Message = "Followers had other counts of {Messages} messages and {Days} days than this cache, which an audit may have corrected since: they are published again.")]
    public static partial void ChainDiffered(ILogger logger, int messages, int days);

    [LoggerMessage(EventId = 1108, EventName = "QuestionNotAnswered", Level = LogLevel.Warning,
        Message = "A follower has asked what the database could not be asked: {Reason}")]
    public static partial void NotAnswered(ILogger logger, string reason);

    [LoggerMessage(EventId = 1109, EventName = "FramesHandedOut", Level = LogLevel.Warning,
        Message = "The stream does not take frame {Number} ({Reason}). Followers that ask are handed the frames that it lacks. It goes on trying.")]
    public static partial void NotTaken(ILogger logger, ulong number, string reason);

    [LoggerMessage(EventId = 1110, EventName = "ChainLoaded", Level = LogLevel.Information,
        Message = "Follows chain {Chain} from frame {Number} on: {Messages} messages, {Seconds:F1} s.")]
    public static partial void Loaded(ILogger logger, string chain, ulong number, long messages, double seconds);

    [LoggerMessage(EventId = 1111, EventName = "ChainLeft", Level = LogLevel.Warning,
        Message = "Loads from a checkpoint, because {Reason}.")]
    public static partial void Left(ILogger logger, string reason);

    [LoggerMessage(EventId = 1112, EventName = "PublisherAway", Level = LogLevel.Warning,
        Message = "The publisher cannot be followed: {Reason} It goes on trying.")]
    public static partial void NotFollowed(ILogger logger, string reason);

    [LoggerMessage(EventId = 1113, EventName = "FallenBack", Level = LogLevel.Warning,
        Message = "Follows the database by itself (Feed:FallBack), because no publisher has answered for {Seconds:F0} s.")]
    public static partial void FellBack(ILogger logger, double seconds);

    [LoggerMessage(EventId = 1114, EventName = "ReturnedToPublisher", Level = LogLevel.Information,
        Message = "A publisher answers again: follows it, and the database no more.")]
    public static partial void Returned(ILogger logger);

    [LoggerMessage(EventId = 1115, EventName = "NameShared", Level = LogLevel.Error,
        Message = "Another database, or a physical copy of this one, is published under Nats:Name={Name}, by the service whose connection to NATS has a name that ends with {Publisher}. {Consequence} Give each database a Nats:Name of its own.")]
    public static partial void NameIsShared(ILogger logger, string name, string publisher, string consequence);

    [LoggerMessage(EventId = 1116, EventName = "BrokerNotClosed", Level = LogLevel.Warning,
        Message = "The connection to NATS is left as it is, because it cannot be closed in time: {Reason}")]
    public static partial void NotClosed(ILogger logger, string reason);
}
