using System.Text.Json;
using Npgsql;

namespace CacheService.Jobs;

/// <summary>One transaction of a run: what it does to the database, and what it reports of that, take effect together or not at all.</summary>
internal sealed class JobBatch(NpgsqlConnection connection, string? cursor)
{
    private readonly Dictionary<string, long> _numbers = new(StringComparer.Ordinal);
    private readonly List<RunItem> _items = [];
    private readonly List<RunOutput> _outputs = [];

    /// <summary>The connection, in the transaction.</summary>
    public NpgsqlConnection Connection => connection;

    /// <summary>From where the run is resumed if it ends after this batch.</summary>
    public string? Cursor { get; set; } = cursor;

    /// <summary>What was counted.</summary>
    public IReadOnlyDictionary<string, long> Numbers => _numbers;

    /// <summary>What was worked on.</summary>
    public IReadOnlyList<RunItem> Items => _items;

    /// <summary>What was made.</summary>
    public IReadOnlyList<RunOutput> Outputs => _outputs;

    /// <summary>A statement in the transaction.</summary>
    public NpgsqlCommand Command(string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        return command;
    }

    /// <summary>Adds to a number that the run reports, in the business's own terms.</summary>
    public void Count(string number, long by = 1) => _numbers[number] = _numbers.GetValueOrDefault(number) + by;

    /// <summary>Something was worked on that somebody may want to look at.</summary>
    /// <param name="key">What it is called.</param>
    /// <param name="before">What it was, if it was anything: any value that JSON can write.</param>
    /// <param name="after">What it is now.</param>
    public void Done(string key, object? before = null, object? after = null) => _items.Add(new RunItem(key, ItemState.Done, Json(before), Json(after)));

    /// <summary>Something could not be worked on, and the run goes on without it.</summary>
    public void Fail(string key, string error, object? before = null) => _items.Add(new RunItem(key, ItemState.Failed, Json(before), null, error));

    /// <summary>Something that people may keep.</summary>
    /// <param name="name">Its name, as of a file.</param>
    /// <param name="contentType">What kind of text it is, such as <c>text/csv</c>.</param>
    /// <param name="content">The text.</param>
    public void Output(string name, string contentType, string content) => _outputs.Add(new RunOutput(name, contentType, content));

    private static string? Json(object? value) => value is null ? null : JsonSerializer.Serialize(value, JsonSerializerOptions.Web);
}

/// <summary>What a run has made for people to keep: a row of <c>twjobs.output</c>.</summary>
internal sealed record RunOutput(string Name, string ContentType, string Content);
