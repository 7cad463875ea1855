using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed;

/// <summary>Words for what goes wrong with the database. None has the connection string in it.</summary>
internal static class DatabaseErrors
{
    /// <summary>Whether an error at the very first connection will not go away by waiting.</summary>
    public static bool IsFinal(Exception error) => error is DatabaseSetupException || error is PostgresException
    {
        SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification
            or PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.UndefinedColumn,
    };

    /// <summary>Whether a statement that notifies failed since the server's notification queue is full.</summary>
    public static bool IsFullQueue(PostgresException error) => error.SqlState == PostgresErrorCodes.ProgramLimitExceeded;

    /// <summary>One line that says what is wrong.</summary>
    public static string Describe(Exception error) => error switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } e => $"the database refused the password ({e.MessageText}); see ConnectionStrings:Postgres",
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } =>
            "other transactions hold locks on tweet.activity or tweet.message; it waits for them a moment at a time, so as not to hold up writers",
        PostgresException e => $"the database says: {e.MessageText} ({e.SqlState})",
        NpgsqlException { InnerException: { } inner } => $"{error.Message.ReplaceLineEndings(" ")} ({inner.Message.ReplaceLineEndings(" ")})",
        _ => error.Message.ReplaceLineEndings(" "),
    };
}
