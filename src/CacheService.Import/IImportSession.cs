using Npgsql;

namespace CacheService.Import;

/// <summary>A session of the database in which an import does all its work. It ends with what it is used by.</summary>
internal interface IImportSession
{
    /// <summary>How often a transaction waits for an answer of the database at its end.</summary>
    int EndRoundTrips { get; }

    /// <summary>One transaction, at read committed.</summary>
    /// <param name="work">What is done in it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="place">How far the import has got with it, in words; null: no further than before.</param>
    Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken, string? place = null);
}
