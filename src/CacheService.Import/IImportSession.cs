using Npgsql;

namespace CacheService.Import;

/// <summary>A session of the database in which an import does all its work. It ends with what it is used by.</summary>
internal interface IImportSession
{
    /// <summary>One transaction, at read committed.</summary>
    Task RunAsync(Func<NpgsqlConnection, Task> work, CancellationToken cancellationToken);
}
