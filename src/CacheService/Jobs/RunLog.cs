using System.Text;

namespace CacheService.Jobs;

/// <summary>The lines that a run has logged and that the database does not have yet. Thread-safe.</summary>
internal sealed class RunLog(TimeProvider time)
{
    private const int MostLines = 10_000;
    private const int MostCharacters = 4_000;

    private readonly Lock _adding = new();
    private readonly List<RunLogLine> _unsaved = [];
    private int _last;

    /// <summary>Adds a line. After very many the others are left out, and the last one says so.</summary>
    public void Add(string text)
    {
        var clean = Clean(text);
        lock (_adding)
        {
            if (_last < MostLines)
            {
                _last++;
                _unsaved.Add(new RunLogLine(_last, time.GetUtcNow(), _last < MostLines ? clean : "what is logged after this is left out"));
            }
        }
    }

    /// <summary>A text that the database can hold: not too long, without NUL and without halves of characters.</summary>
    public static string Clean(string text) =>
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes((text.Length <= MostCharacters ? text : text[..MostCharacters]).Replace('\0', ' ')));

    /// <summary>What is to be saved. It stays until it is <see cref="Forget"/>.</summary>
    public IReadOnlyList<RunLogLine> Unsaved()
    {
        lock (_adding)
        {
            return [.. _unsaved];
        }
    }

    /// <summary>Forgets lines that are saved.</summary>
    public void Forget(IReadOnlyList<RunLogLine> saved)
    {
        lock (_adding)
        {
            if (saved.Count > 0)
            {
                _unsaved.RemoveAll(line => line.Line <= saved[^1].Line);
            }
        }
    }
}

/// <summary>A line of a run's log: a row of <c>twjobs.log</c>.</summary>
internal sealed record RunLogLine(int Line, DateTimeOffset At, string Text);
