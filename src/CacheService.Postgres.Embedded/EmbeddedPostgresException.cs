namespace CacheService.Postgres.Embedded;

/// <summary>The embedded server cannot run. The message is one line that says what to do: print it without the stack trace.</summary>
public sealed class EmbeddedPostgresException : Exception
{
    public EmbeddedPostgresException(string message)
        : base(message)
    {
    }

    public EmbeddedPostgresException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
