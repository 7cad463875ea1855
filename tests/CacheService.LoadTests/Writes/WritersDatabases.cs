using CacheService.LoadTests.Machine;

namespace CacheService.LoadTests.Writes;

/// <summary>The databases of writers: copies of one, each with its own way to count.</summary>
internal sealed class WritersDatabases : IAsyncDisposable
{
    private readonly Dictionary<Writer, LoadDatabase> _databases = [];

    public LoadDatabase this[Writer writer] => _databases[writer];

    public static async Task<WritersDatabases> CreateAsync(LoadTestContext context, IReadOnlyList<Writer> writers, CancellationToken cancellationToken)
    {
        var databases = new WritersDatabases();
        try
        {
            await using var template = await LoadDatabase.CreateAsync(context.Server, "load_writes_template", template: null, cancellationToken);
            await template.FillAsync(context.Options.Messages, rows: 10, cancellationToken);
            foreach (var writer in writers)
            {
                databases._databases.Add(writer, await writer.CreateDatabaseAsync(context.Server, template, cancellationToken));
            }

            return databases;
        }
        catch
        {
            await databases.DisposeAsync();
            throw;
        }
    }

    /// <summary>So that vacuum and checkpoints fall between the rounds, not into somebody's.</summary>
    public async Task TidyAsync(CancellationToken cancellationToken)
    {
        foreach (var database in _databases.Values)
        {
            await database.TidyAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _databases.Values)
        {
            await database.DisposeAsync();
        }
    }
}
