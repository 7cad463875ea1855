using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using CacheService.Tool.Output;
using CacheService.Tool.Simulation;

namespace CacheService.Tool.Commands;

internal sealed class SimulateCommand : ToolCommand
{
    private const double MaxRate = 1_000_000;
    private const int MaxClients = 100;

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly ConnectionOption _database = new();
    private readonly Option<double> _rate = new("--rate", "-r")
    {
        HelpName = "N",
        Description = "Writes per second, of all clients together.",
        DefaultValueFactory = _ => 10,
    };
    private readonly Option<TimeSpan?> _duration = DurationOption.Create("--duration", "How long, such as 30s, 5m or 1h. Without it: until Ctrl-C.");
    private readonly Option<int> _clients = new("--clients")
    {
        HelpName = "N",
        Description = "Connections that write.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<int?> _seed = new("--seed") { HelpName = "N", Description = "The same number draws the same messages again." };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Print nothing but errors." };

    public SimulateCommand(Terminal terminal, TimeProvider time)
        : base("simulate", "Write retweets and likes, and now and then their undoing: much for a few popular messages, little for the rest.", terminal)
    {
        _terminal = terminal;
        _time = time;
        _rate.Validators.Add(r => Require(r, r.GetValueOrDefault<double>() is > 0 and <= MaxRate, "--rate is above 0 and at most 1000000"));
        _clients.Validators.Add(r => Require(r, r.GetValueOrDefault<int>() is >= 1 and <= MaxClients, "--clients is 1 to 100"));
        Add(_rate);
        Add(_duration);
        Add(_clients);
        Add(_seed);
        Add(_quiet);
        _database.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts simulate", "Ten writes per second until Ctrl-C."),
        new("tweetcounts simulate --rate 500 --clients 8 --duration 1m", "Five hundred per second over eight connections, for a minute."),
        new("tweetcounts simulate --seed 1 --duration 10s --quiet", "A hundred writes to the same messages each time, in silence."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var quiet = arguments.GetValue(_quiet);
        var options = new SimulationOptions(
            arguments.GetValue(_rate), arguments.GetValue(_duration), arguments.GetValue(_clients), arguments.GetValue(_seed) ?? Random.Shared.Next());
        ISimulationView view = quiet ? new QuietView(_terminal)
            : _terminal.Interactive ? new LiveView(_terminal, _time)
            : new LineView(_terminal, _time);

        await using var simulator = new Simulator(_database.Locate(arguments), options, view, _time);
        try
        {
            await simulator.RunAsync(stop);
        }
        finally
        {
            if (!quiet && simulator.Status is { Written: > 0 } status)
                _terminal.Print(Summary(status, options));
        }
        return ExitCode.Success;
    }

    internal static string Summary(SimulationStatus status, SimulationOptions options)
    {
        var leftOut = status.LeftOut > 0 ? $", {status.LeftOut} left out because the database was away or too slow" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"wrote {status.Written} in {Durations.Format(status.Elapsed)}: {status.Retweets} retweets ({status.UndoneRetweets} undone), "
            + $"{status.Likes} likes ({status.UndoneLikes} undone), {status.Errors} errors{leftOut}; seed {options.Seed}");
    }

    private static void Require(OptionResult result, bool condition, string rule)
    {
        if (!condition)
            result.AddError(rule);
    }
}
