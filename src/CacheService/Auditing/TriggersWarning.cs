using CacheService.Postgres;
using Npgsql;

namespace CacheService.Auditing;

/// <summary>What an audit says of the database besides the counts: why changes may go unrecorded.</summary>
internal sealed partial class TriggersWarning(ILogger<TriggersWarning> logger)
{
    /// <summary>Looks, and warns in the log.</summary>
    /// <returns>The reasons, in words; empty if there is none.</returns>
    public async Task<string> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await SchemaInstaller.FindProblemsAsync(connection, cancellationToken) is not { } problems)
        {
            return "";
        }

        LogProblems(logger, problems);
        return $"changes may go uncounted: {problems}";
    }

    [LoggerMessage(EventId = 5020, EventName = "TriggersMissing", Level = LogLevel.Warning,
        Message = "Changes may go uncounted: {Problems}.")]
    private static partial void LogProblems(ILogger logger, string problems);
}
