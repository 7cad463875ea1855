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
        if (await SchemaInstaller.FindMissingTriggersAsync(connection, cancellationToken) is not { } missing)
        {
            return "";
        }

        LogTriggersMissing(logger, missing);
        return $"changes go unrecorded: triggers are missing or disabled: {missing}";
    }

    [LoggerMessage(EventId = 1, EventName = "TriggersMissing", Level = LogLevel.Warning,
        Message = "Changes go unrecorded until the next audit finds them: triggers are missing or disabled: {Triggers}. As the owner of the tables enable them, or run: psql -v ON_ERROR_STOP=1 -f sql/005_triggers.sql")]
    private static partial void LogTriggersMissing(ILogger logger, string triggers);
}
