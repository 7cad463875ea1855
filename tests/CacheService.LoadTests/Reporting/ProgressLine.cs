using Spectre.Console;

namespace CacheService.LoadTests.Reporting;

/// <summary>What is under way: at a terminal one line that changes, else a line for each step.</summary>
internal sealed class ProgressLine(IAnsiConsole console)
{
    private const int Margin = 1;

    private readonly bool _isLive = console.Profile.Capabilities.Ansi && console.Profile.Capabilities.Interactive;

    /// <summary>Where the steps belong.</summary>
    public string Part { get; set; } = "";

    public void Show(string step)
    {
        var line = Part.Length > 0 ? $"{Part}: {step}" : step;
        if (!_isLive)
        {
            console.WriteLine(line);
            return;
        }

        var width = Math.Max(0, console.Profile.Width - Margin);
        console.Write(new ControlCode("\r\u001b[2K"));
        console.Write(new Text(line.Length > width ? line[..width] : line, new Style(Color.Grey)));
    }

    /// <summary>Makes room for something that stays.</summary>
    public void Clear()
    {
        if (_isLive)
        {
            console.Write(new ControlCode("\r\u001b[2K"));
        }
    }
}
