using Npgsql;

namespace CacheService.Tool.Database;

internal static class DatabaseAdvice
{
    /// <summary>One line for the user.</summary>
    public static string Describe(NpgsqlException error) => error switch
    {
        PostgresException
        {
            SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedObject,
        } e => $"the database lacks the application's tables ({e.MessageText}): start the service once, which creates them, or apply sql/*.sql",
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e =>
            $"the database does not permit it ({e.MessageText}): connect as another user, or grant the right",
        PostgresException { SqlState: ['2', '8', ..] } e => $"the database refuses the login: {e.MessageText}; check the connection string",
        PostgresException e => $"the database answers: {e.MessageText} (SQLSTATE {e.SqlState})",
        DatabaseUnreachableException e => e.Message,
        _ => $"the connection to the database broke: {Innermost(error)}; try again",
    };

    /// <summary>Whether the same statement can succeed later: the server is away, starting, stopping, full or out of turn.</summary>
    public static bool IsPassing(NpgsqlException error) => error is PostgresException e
        ? e.IsTransient || e.SqlState[..2] is "08" or "40" or "53" || e.SqlState.StartsWith("57P", StringComparison.Ordinal)
        : true;

    /// <summary>What the server or the operating system says is the matter.</summary>
    public static string Cause(NpgsqlException error) => error is PostgresException e ? e.MessageText : Innermost(error);

    public static string Innermost(Exception error) => error.GetBaseException().Message;
}
