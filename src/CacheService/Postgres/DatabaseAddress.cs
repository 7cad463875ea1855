namespace CacheService.Postgres;

/// <summary>Where the database is: configured, or told by the embedded server once it runs.</summary>
internal sealed class DatabaseAddress(string? configured)
{
    private string? _connectionString = configured;

    /// <summary>Whether the configuration names no database, so that the embedded server is wanted.</summary>
    public bool IsEmbedded { get; } = configured is null;

    /// <summary>The connection string.</summary>
    /// <exception cref="InvalidOperationException">The embedded server does not run yet.</exception>
    public string ConnectionString
    {
        get => _connectionString ?? throw new InvalidOperationException("The embedded server does not run yet.");
        set => _connectionString = value;
    }
}
