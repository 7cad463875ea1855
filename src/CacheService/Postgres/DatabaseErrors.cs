using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>Words for what goes wrong with the database. None has the connection string in it.</summary>
internal static class DatabaseErrors
{
    private const string Where = "see ConnectionStrings:Postgres";

    /// <summary>Whether an error at the very first connection will not go away by waiting.</summary>
    public static bool IsFinal(Exception error) => error switch
    {
        DatabaseSetupException or TlsFailedException => true,
        NoPrimaryException e => e.Errors.All(each => each is not null && IsFinal(each)),
        PostgresException e => e.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification
            or PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.UndefinedColumn
            // Of what the connection string has the server set: Options, Timezone.
            or PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.CantChangeRuntimeParam,
        // Npgsql's, for what the connection string asks for and it cannot do, and for files that it cannot use.
        ArgumentException or NotSupportedException or FormatException or FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException
            or CryptographicException or AuthenticationException => true,
        NpgsqlException { InnerException: { } inner } => IsFinal(inner),
        // The server asks for what there is not: a password, a ticket, another way to authenticate.
        NpgsqlException e => IsAboutAuthentication(e),
        _ => false,
    };

    /// <summary>Whether a statement that notifies failed since the server's notification queue is full.</summary>
    public static bool IsFullQueue(PostgresException error) => error.SqlState == PostgresErrorCodes.ProgramLimitExceeded;

    /// <summary>Whether a statement fails as often as it is tried: for want of a right, for what the tables are, or for what is in them.</summary>
    public static bool IsPermanent(PostgresException error) => error.SqlState[..2] is "42" or "22" or "0A" or "3F" or "28";

    /// <summary>What a caller is told whose call the service lacks the right for.</summary>
    /// <param name="error">The database's refusal.</param>
    /// <param name="role">The service's role, quoted.</param>
    public static string DescribeMissingRight(PostgresException error, string role) => error.Routine == "check_enable_rls"
        ? $"row level security would hide rows from the service ({error.MessageText}): as the table's owner disable it, or as a superuser run: alter role {role} bypassrls"
        : $"the service may not read what this call asks for ({error.MessageText}): as the database's owner run: grant twcache_reader to {role}; or, where that is granted already: grant usage on schema tweet to {role}; grant select on tweet.message, tweet.users to {role}";

    /// <summary>One line that says what is wrong.</summary>
    public static string Describe(Exception error) => error switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } e => $"the database refused the password ({e.MessageText}); {Where}",
        PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } e => $"the database refused the login ({e.MessageText}); see the server's pg_hba.conf, and {Where[4..]}{TlsHint(e)}",
        PostgresException { SqlState: PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.CantChangeRuntimeParam, Severity: "FATAL" } e =>
            $"the database refused a setting of the connection string ({e.MessageText}); see Options and Timezone in ConnectionStrings:Postgres",
        PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable } =>
            "other transactions hold locks on tables that the service needs; it asks for them for a moment at a time, so as to be in nobody's way (see pg_locks)",
        PostgresException e when PostgresConnections.HasNoRoom(e) =>
            $"the database has no room for another connection ({e.MessageText}); allow the service's role as many as Database:MaxConnections says, or set that lower",
        PostgresException e => $"the database says: {e.MessageText} ({e.SqlState})",
        TlsFailedException or NoPrimaryException => error.Message.ReplaceLineEndings(" "),
        NpgsqlException { InnerException: SocketException refused } => $"the database cannot be reached: {error.Message.ReplaceLineEndings(" ")} ({refused.Message.ReplaceLineEndings(" ")}){Hint(error)}",
        NpgsqlException { InnerException: IOException broken } => $"the connection to the database broke ({broken.GetBaseException().Message.ReplaceLineEndings(" ")}){Hint(error)}",
        NpgsqlException { InnerException: { } inner } => $"{error.Message.ReplaceLineEndings(" ")} ({inner.GetBaseException().Message.ReplaceLineEndings(" ")}){Hint(error)}",
        _ => $"{error.Message.ReplaceLineEndings(" ")}{Hint(error)}",
    };

    private static string Hint(Exception error) => error is not DatabaseSetupException && IsFinal(error) ? $"; {Where}" : "";

    private static string TlsHint(PostgresException error) => error.MessageText.Contains("certificate", StringComparison.Ordinal) ? " (SSL Certificate and SSL Key)"
        : error.MessageText.Contains("no encryption", StringComparison.Ordinal) || error.MessageText.Contains("SSL off", StringComparison.Ordinal) ? " (SSL Mode=Require asks for TLS)"
        : "";

    private static bool IsAboutAuthentication(NpgsqlException error) =>
        error.Message.Contains("password has been provided", StringComparison.Ordinal)
        || error.Message.Contains("uthenticat", StringComparison.Ordinal)
        || error.Message.Contains("SASL", StringComparison.Ordinal)
        || error.Message.Contains("GSS", StringComparison.Ordinal)
        || error.Message.Contains("Kerberos", StringComparison.OrdinalIgnoreCase);
}
