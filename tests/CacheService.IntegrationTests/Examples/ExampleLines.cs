using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Examples;

/// <summary>An example that runs, and what it prints.</summary>
internal sealed partial class ExampleLines : IAsyncDisposable
{
    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly List<string> _errors = [];

    private ExampleLines(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Add(_lines, line.Data);
        process.ErrorDataReceived += (_, line) => Add(_errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public bool HasExited => _process.HasExited;

    public IReadOnlyList<string> Lines => Copy(_lines);

    public static ExampleLines Start(ProcessStartInfo start) => new(Process.Start(start)!);

    /// <summary>Waits until a condition holds for what it has printed; fails if it ends before.</summary>
    public async Task UntilAsync(Func<IReadOnlyList<string>, bool> holds, string what)
    {
        try
        {
            await Wait.UntilAsync(() => (Lines is { Count: > 0 } lines && holds(lines)) || HasExited, RunningService.Patience, what);
        }
        catch (TimeoutException e)
        {
            Assert.Fail($"{e.Message} It printed:\n{string.Join('\n', Lines)}\n{string.Join('\n', Copy(_errors))}");
        }

        Assert.That(HasExited, Is.False, $"it has ended before {what}:\n{string.Join('\n', Lines)}\n{string.Join('\n', Copy(_errors))}");
    }

    /// <summary>What it knows: retweets and likes, by message.</summary>
    public IReadOnlyDictionary<long, (long Retweets, long Likes)> Counts()
    {
        var counts = new Dictionary<long, (long, long)>();
        foreach (var line in Lines)
        {
            if (line == "reset")
            {
                counts.Clear();
            }
            else if (Told().Match(line) is { Success: true } told)
            {
                counts[Number(told, "message")] = (Number(told, "retweets"), Number(told, "likes"));
            }
            else if (Removed().Match(line) is { Success: true } removed)
            {
                counts.Remove(Number(removed, "message"));
            }
        }

        return counts;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static long Number(Match match, string group) => long.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private static IReadOnlyList<string> Copy(List<string> lines)
    {
        lock (lines)
        {
            return [.. lines];
        }
    }

    private static void Add(List<string> lines, string? line)
    {
        lock (lines)
        {
            if (line is not null)
            {
                lines.Add(line);
            }
        }
    }

    [GeneratedRegex(@"^(?<message>\d+): (?<retweets>-?\d+) retweets, (?<likes>-?\d+) likes$")]
    private static partial Regex Told();

    [GeneratedRegex(@"^(?<message>\d+): removed$")]
    private static partial Regex Removed();
}
