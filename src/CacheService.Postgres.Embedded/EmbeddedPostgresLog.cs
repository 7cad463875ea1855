namespace CacheService.Postgres.Embedded;

internal static partial class EmbeddedPostgresLog
{
    [LoggerMessage(2501, LogLevel.Information, "Making a PostgreSQL {MajorVersion} data directory in {DataDirectory}, owned by {User}.",
        EventName = "Initializing")]
    public static partial void Initializing(this ILogger logger, string dataDirectory, int majorVersion, string user);

    [LoggerMessage(2502, LogLevel.Information, "PostgreSQL {MajorVersion} runs on 127.0.0.1:{Port}. To look into it: {PsqlCommand}",
        EventName = "Started")]
    public static partial void Started(this ILogger logger, int majorVersion, int port, string psqlCommand);

    [LoggerMessage(2503, LogLevel.Information, "PostgreSQL has stopped.", EventName = "Stopped")]
    public static partial void Stopped(this ILogger logger);

    [LoggerMessage(2504, LogLevel.Warning, "A service that crashed has left its PostgreSQL (pid {Pid}) running on {DataDirectory}: stopping it.",
        EventName = "StoppingOrphan")]
    public static partial void StoppingOrphan(this ILogger logger, int pid, string dataDirectory);

    [LoggerMessage(2505, LogLevel.Information, "PostgreSQL did not start ({Reason}): trying again.", EventName = "StartRetried")]
    public static partial void StartRetried(this ILogger logger, string reason);

    [LoggerMessage(2506, LogLevel.Error, "PostgreSQL did not start. The end of its log:\n{LogTail}", EventName = "StartFailed")]
    public static partial void StartFailed(this ILogger logger, string logTail);

    [LoggerMessage(2507, LogLevel.Warning, "PostgreSQL did not stop within {Timeout}: cutting it off. Its next start begins with crash recovery.",
        EventName = "StopTimedOut")]
    public static partial void StopTimedOut(this ILogger logger, TimeSpan timeout);

    [LoggerMessage(2508, LogLevel.Error, "PostgreSQL (pid {Pid}) does not stop. The next start of the service stops it.", EventName = "StopFailed")]
    public static partial void StopFailed(this ILogger logger, int? pid);

    [LoggerMessage(2509, LogLevel.Information, "{Folder}, left by an interrupted start, cannot be deleted yet: {Reason}",
        EventName = "AbandonedClusterKept")]
    public static partial void AbandonedClusterKept(this ILogger logger, string folder, string reason);
}
