using CacheService.Postgres;
using Npgsql;

namespace CacheService.Jobs;

/// <summary>Words for what goes wrong in a job.</summary>
internal static class RunFailure
{
    /// <summary>One line that says what is wrong.</summary>
    public static string Describe(Exception error) => RunLog.Clean(error switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e => $"the service's role may not do this ({e.MessageText}): grant it what the job needs",
        NpgsqlException e => DatabaseErrors.Describe(e),
        { Message.Length: > 0 } => error.Message.ReplaceLineEndings(" "),
        _ => error.GetType().Name,
    });
}
