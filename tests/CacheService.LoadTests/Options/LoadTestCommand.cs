using System.CommandLine;
using System.CommandLine.Help;
using System.Runtime.InteropServices;
using CacheService.Postgres.Embedded;
using Grpc.Core;
using Npgsql;
using Spectre.Console;

namespace CacheService.LoadTests.Options;

/// <summary>The command line.</summary>
internal sealed class LoadTestCommand : RootCommand
{
    private const int Failure = 1;
    private const int Interrupted = 130;

    // The server takes 200 connections, and the others need theirs.
    private const int MostWorkers = 150;

    private static readonly TimeSpan Notice = TimeSpan.FromMilliseconds(500);

    private readonly IAnsiConsole _console;
    private readonly Option<bool> _quick = new("--quick") { Description = "Whether it works; the figures are rough." };
    private readonly Option<bool> _full = new("--full") { Description = "Longer rounds, everything, and 10 million messages." };
    private readonly Option<string?> _parts = new("--parts")
    {
        HelpName = "NAME,…",
        Description = $"Which parts, of {string.Join(", ", PartNames.All)}. Without it: all but {string.Join(", ", PartNames.All.Except(PartNames.Usual))}; with --full: all.",
    };
    private readonly Option<double?> _round = NumberOption.Create("--round", 0.05, 600, $"Seconds that a candidate is measured before it is the next one's turn. [default: {Usual.Round.TotalSeconds}]");
    private readonly Option<int?> _rounds = NumberOption.Create("--rounds", 1, 100, $"How many rounds. [default: {Usual.Rounds}]");
    private readonly Option<int?> _messages = NumberOption.Create("--messages", 1, 10_000_000, $"Messages, for all parts but apply and startup. [default: {Usual.Messages}]");
    private readonly Option<int?> _rows = NumberOption.Create("--rows", 1, 1_000_000, $"Rows of activity per message. [default: {Usual.Rows}]");
    private readonly Option<int?> _manyRowsMessages = NumberOption.Create("--many-rows-messages", 1, 1_000_000, $"Messages with many rows each; fewer than --messages, so that the rows fit the machine. [default: {Usual.ManyRowsMessages}]");
    private readonly Option<int?> _manyRows = NumberOption.Create("--many-rows", 1, 1_000_000, $"Rows of activity per message, where there are many. [default: {Usual.ManyRows}]");
    private readonly Option<IReadOnlyList<int>?> _callers = NumberListOption.Create("--callers", 1_000, $"Concurrent callers that read. [default: {Listed(Usual.Callers)}]");
    private readonly Option<IReadOnlyList<int>?> _writers = NumberListOption.Create("--writers", 80, $"Connections that write. [default: {Listed(Usual.Writers)}]");
    private readonly Option<int?> _bulkRows = NumberOption.Create("--bulk-rows", 1, 10_000_000, $"Rows of the one large statement. [default: {Usual.BulkRows}]");
    private readonly Option<IReadOnlyList<int>?> _rates = NumberListOption.Create("--rates", 100_000, $"Transactions a second at which freshness is measured. [default: {Listed(Usual.Rates)}]");
    private readonly Option<IReadOnlyList<int>?> _streams = NumberListOption.Create("--streams", 10_000, $"Streams of everything at once. [default: {Listed(Usual.Streams)}]");
    private readonly Option<IReadOnlyList<int>?> _keyStreams = NumberListOption.Create("--key-streams", 10_000, $"Streams of 20 messages each at once. [default: {Listed(Usual.KeyStreams)}]");
    private readonly Option<int?> _bulkChanges = NumberOption.Create("--bulk-changes", 1, 10_000_000, $"Changes of one transaction, each of another message. [default: {Usual.BulkChanges}]");
    private readonly Option<IReadOnlyList<int>?> _loadSizes = NumberListOption.Create("--load-sizes", 100_000_000, $"Messages that are loaded at a start. [default: {Listed(Usual.LoadSizes)}]");
    private readonly Option<int?> _seriesWorkers = NumberOption.Create("--series-workers", 1, MostWorkers, $"Workers of the articles' benchmarks, each with a connection. [default: {Usual.SeriesWorkers}]");
    private readonly Option<IReadOnlyList<int>?> _seriesRetweets = NumberListOption.Create("--series-retweets", 100_000, $"Retweets of each of these workers. [default: {Listed(Usual.SeriesRetweets)}]");
    private readonly Option<double?> _heldMinutes = NumberOption.Create("--held-minutes", 0.1, 1_000, $"Minutes for which a transaction is held open; a dump is under way, and a slot is stale, for a sixth of it each. [default: {Usual.HeldFor.TotalMinutes}]");
    private readonly Option<string?> _published = new("--published")
    {
        HelpName = "FOLDER",
        Description = "Where the service lies as it was published with the runtime, whose start is then measured beside that of the one that was built: dotnet publish src/CacheService -c Release --use-current-runtime --self-contained -o FOLDER",
    };
    private readonly Option<string?> _output = new("--output") { HelpName = "FOLDER", Description = $"Where the JSON file and the page go. [default: {Usual.Output}]" };

    public LoadTestCommand(IAnsiConsole console)
        : base("Measures the cache against direct SQL: reads, writes, freshness, streams, large transactions, start and size.")
    {
        _console = console;
        foreach (var option in (Option[])[_quick, _full, _parts, _round, _rounds, _messages, _rows, _manyRowsMessages, _manyRows, _callers, _writers, _bulkRows, _rates, _streams, _keyStreams, _bulkChanges, _loadSizes, _seriesWorkers, _seriesRetweets, _heldMinutes, _published, _output])
        {
            Add(option);
        }

        _parts.Validators.Add(result =>
        {
            if (result.Tokens is [var names] && names.Value.Split(',').Except(PartNames.All).FirstOrDefault() is { } unknown)
            {
                result.AddError($"there is no part '{unknown}': write some of {string.Join(',', PartNames.All)}");
            }
        });
        Validators.Add(result =>
        {
            if (result.GetValue(_quick) && result.GetValue(_full))
            {
                result.AddError("--quick and --full exclude each other");
            }
        });
        foreach (var help in Options.OfType<HelpOption>())
        {
            help.Action = new HelpWithExamples((HelpAction)help.Action!);
        }

        SetAction(RunAsync);
    }

    private static LoadTestOptions Usual => LoadTestOptions.Usual;

    /// <summary>What the arguments ask for.</summary>
    public LoadTestOptions Read(ParseResult arguments)
    {
        var preset = arguments.GetValue(_quick) ? LoadTestOptions.Quick : arguments.GetValue(_full) ? LoadTestOptions.Full : Usual;
        return preset with
        {
            Parts = arguments.GetValue(_parts)?.Split(',') ?? preset.Parts,
            Round = arguments.GetValue(_round) is { } seconds ? TimeSpan.FromSeconds(seconds) : preset.Round,
            Rounds = arguments.GetValue(_rounds) ?? preset.Rounds,
            Messages = arguments.GetValue(_messages) ?? preset.Messages,
            Rows = arguments.GetValue(_rows) ?? preset.Rows,
            ManyRowsMessages = arguments.GetValue(_manyRowsMessages) ?? preset.ManyRowsMessages,
            ManyRows = arguments.GetValue(_manyRows) ?? preset.ManyRows,
            Callers = arguments.GetValue(_callers) ?? preset.Callers,
            Writers = arguments.GetValue(_writers) ?? preset.Writers,
            BulkRows = arguments.GetValue(_bulkRows) ?? preset.BulkRows,
            Rates = arguments.GetValue(_rates) ?? preset.Rates,
            Streams = arguments.GetValue(_streams) ?? preset.Streams,
            KeyStreams = arguments.GetValue(_keyStreams) ?? preset.KeyStreams,
            BulkChanges = arguments.GetValue(_bulkChanges) ?? preset.BulkChanges,
            LoadSizes = arguments.GetValue(_loadSizes) ?? preset.LoadSizes,
            SeriesWorkers = arguments.GetValue(_seriesWorkers) ?? preset.SeriesWorkers,
            SeriesRetweets = arguments.GetValue(_seriesRetweets) ?? preset.SeriesRetweets,
            HeldFor = arguments.GetValue(_heldMinutes) is { } minutes ? TimeSpan.FromMinutes(minutes) : preset.HeldFor,
            Published = arguments.GetValue(_published),
            Output = arguments.GetValue(_output) ?? preset.Output,
        };
    }

    private static string Listed(IEnumerable<int> numbers) => string.Join(',', numbers);

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        // A terminal that is closed is as good as a Ctrl-C: what was started has to be stopped.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            stopping.Cancel();
        });
        var run = new LoadTestRun(Read(arguments), _console);
        try
        {
            return await run.RunAsync(stopping.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or LoadTestException or EmbeddedPostgresException or NpgsqlException or RpcException or IOException)
        {
            // Ctrl-C reaches the programs that this one runs too, and they may be the first to notice.
            var interruption = Task.Delay(Timeout.Infinite, stopping.Token);
            var isInterrupted = await Task.WhenAny(interruption, Task.Delay(Notice, CancellationToken.None)) == interruption;
            await Console.Error.WriteLineAsync(isInterrupted ? "\ninterrupted" : $"\nerror: {e.Message}");
            await Console.Error.WriteLineAsync(run.Files is [] ? "nothing was measured" : $"what was measured until then:\n{string.Join('\n', run.Files)}");
            return isInterrupted ? Interrupted : Failure;
        }
    }
}
