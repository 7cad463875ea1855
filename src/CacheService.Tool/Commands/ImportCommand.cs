using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using CacheService.Client;
using CacheService.Import;
using CacheService.Tool.Output;
using CacheService.Tool.Service;
using Grpc.Core;

namespace CacheService.Tool.Commands;

internal sealed class ImportCommand : ToolCommand
{
    private const int FirstRejects = 10;

    private static readonly TimeSpan TellPause = TimeSpan.FromSeconds(2);

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly ConnectionOption _database = new();
    private readonly Argument<string?> _file = new("FILE") { Description = "A file with separated values, and a header.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _into = new("--into") { HelpName = "TABLE", Description = "The table, with its schema." };
    private readonly Option<string?> _key = new("--key")
    {
        HelpName = "COLUMNS",
        Description = "The column by which a row is found again, or several with commas between them. It needs a unique index.",
    };
    private readonly Option<string?> _activity = new("--activity")
    {
        HelpName = "FILE",
        Description = "A file with the columns message, action and time: its rows are added to tweet.activity, once, however often the file is loaded.",
    };
    private readonly Option<string?> _columns = new("--columns")
    {
        HelpName = "LIST",
        Description = "The table's columns in the file's order, in place of what the header says; a hyphen leaves one out.",
    };
    private readonly Option<bool> _noHeader = new("--no-header") { Description = "The first line is a row." };
    private readonly Option<char?> _separator = new("--separator")
    {
        HelpName = "CHARACTER",
        Description = "What stands between values; tab for a tabulator. Without it: the one by which the header has the table's columns.",
        CustomParser = ParseSeparator,
    };
    private readonly Option<string> _encoding = new("--encoding")
    {
        HelpName = "NAME",
        Description = "How the file is encoded, unless it begins with a byte order mark.",
        DefaultValueFactory = _ => "utf-8",
    };
    private readonly Option<string?> _null = new("--null")
    {
        HelpName = "TEXT",
        Description = "What stands for NULL beside nothing at all, such as NULL, or '' for a quoted nothing too.",
    };
    private readonly Option<string> _dates = new("--dates")
    {
        HelpName = "ORDER",
        Description = "How dates such as 1/2/2017 are meant: ymd, dmy or mdy. As ymd that one is rejected.",
        DefaultValueFactory = _ => "ymd",
    };
    private readonly Option<DateTimeOffset?> _asOf = new("--as-of")
    {
        HelpName = "TIME",
        Description = "The file's date: of two files the later one wins. Without it: when the file was last written to.",
        CustomParser = ParseTime,
    };
    private readonly Option<bool> _deleteMissing = new("--delete-missing") { Description = "Delete the table's rows that the file lacks." };
    private readonly Option<double> _maxDelete = new("--max-delete")
    {
        HelpName = "PERCENT",
        Description = "How much of the table may be deleted before it is taken for a mistake.",
        DefaultValueFactory = _ => 10,
    };
    private readonly Option<int> _maxRejects = new("--max-rejects")
    {
        HelpName = "NUMBER",
        Description = "How many rows may be rejected before the file is taken for a wrong one.",
        DefaultValueFactory = _ => 10_000,
    };
    private readonly Option<string?> _rejects = new("--rejects")
    {
        HelpName = "FILE",
        Description = "Where rejected rows are written to. Without it: the file's name with .rejects.csv after it.",
    };
    private readonly Option<double> _maxLoad = new("--max-load")
    {
        HelpName = "SHARE",
        Description = "The share of its time for which it works; the rest it pauses. 1: no pauses.",
        DefaultValueFactory = _ => 0.1,
    };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only check the file, and say what would change." };
    private readonly ServiceOptions _service;

    public ImportCommand(Terminal terminal, TimeProvider time)
        : base("import", "Merge a file into a table by key, while others work with it. Run again, it goes on where it was stopped.", terminal)
    {
        (_terminal, _time) = (terminal, time);
        _service = new ServiceOptions(time, defaultTimeoutSeconds: 2);
        _dates.AcceptOnlyFromAmong(ImportOrder.DateOrders);
        _maxLoad.Validators.Add(result => RequireBetween(result, _maxLoad, 0.01, 1));
        _maxDelete.Validators.Add(result => RequireBetween(result, _maxDelete, 0, 100));
        Add(_file);
        foreach (var option in (Option[])
        [
            _into, _key, _activity, _columns, _noHeader, _separator, _encoding, _null, _dates, _asOf, _deleteMissing, _maxDelete, _maxRejects, _rejects, _maxLoad, _dryRun,
        ])
            Add(option);
        _database.AddTo(this);
        _service.AddTo(this);
        Validators.Add(result =>
        {
            if (result.GetValue(_activity) is null ? result.GetValue(_file) is null || result.GetValue(_into) is null || result.GetValue(_key) is null
                : result.GetValue(_file) is not null || result.GetValue(_into) is not null || result.GetValue(_key) is not null || result.GetValue(_deleteMissing))
                result.AddError("write import FILE --into TABLE --key COLUMN, or import --activity FILE");
        });
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts import artists.csv --into moma.artist --key constituentid", "Insert rows that are new, update those that differ, and leave all others alone."),
        new("tweetcounts import artists.csv --into moma.artist --key constituentid --dry-run", "Check the file, and say what would change."),
        new(
            "tweetcounts import artists.csv --into moma.artist --key constituentid --delete-missing --max-delete 1",
            "Delete rows that have left the file, unless it is more than a hundredth of the table."),
        new("tweetcounts import old.csv --into moma.artist --key constituentid --as-of 2017-05-01", "Rows that a file of a later date has brought stay as they are."),
        new("tweetcounts import artists.csv --into moma.artist --key constituentid --columns constituentid,name,-,nationality", "The header has other names, and the third column is left out."),
        new("tweetcounts import --activity clicks.csv", "Add retweets and likes, each line once."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var order = Order(arguments);
        if (!File.Exists(order.Path))
            throw new ToolException($"there is no file '{order.Path}'");

        await using var connection = await _database.Locate(arguments).OpenAsync(stop);
        using var service = _service.Connect(arguments);
        var told = _time.GetTimestamp();
        var importer = new Importer(
            new ConnectionSession(connection),
            order,
            AskServiceAsync,
            _time,
            Tell,
            async summary =>
            {
                var rejects = summary.Rejected == 0 ? "" : await WriteRejectsAsync(summary, arguments.GetValue(_rejects) ?? $"{order.Path}.rejects.csv");
                Print(summary, order, rejects, _service.Json(arguments));
            });
        try
        {
            var summary = await importer.RunAsync(stop);
            return summary.Rejected == 0 && summary.Note.Length == 0 ? ExitCode.Success : ExitCode.Failure;
        }
        catch (ImportException e)
        {
            throw new ToolException($"{order.Name}: {e.Message}", e);
        }

        async Task AskServiceAsync(CancellationToken cancellation)
        {
            try
            {
                await service.Client.BatchGetCountsAsync([1], ReadRequirement.Strong, cancellationToken: cancellation);
            }
            catch (RpcException e) when (ServiceConnection.HasReachedNobody(e))
            {
                throw new HttpRequestException(e.Message, e);
            }
        }

        void Tell(string progress)
        {
            if (_time.GetElapsedTime(told) < TellPause)
                return;

            told = _time.GetTimestamp();
            _terminal.Note($"{order.Table}: {progress}");
        }
    }

    private ImportOrder Order(ParseResult arguments)
    {
        var path = arguments.GetValue(_activity) ?? arguments.GetValue(_file)!;
        var order = new ImportOrder
        {
            Path = path,
            Name = Path.GetFileName(path),
            Table = arguments.GetValue(_into) ?? "",
            Key = List(arguments.GetValue(_key)),
            Columns = List(arguments.GetValue(_columns)),
            HasHeader = !arguments.GetValue(_noHeader),
            Separator = arguments.GetValue(_separator),
            Encoding = arguments.GetValue(_encoding)!,
            NullText = arguments.GetValue(_null),
            DateOrder = arguments.GetValue(_dates)!,
            AsOf = arguments.GetValue(_asOf),
            DeleteMissing = arguments.GetValue(_deleteMissing),
            MaxDeletePercent = arguments.GetValue(_maxDelete),
            MaxRejects = arguments.GetValue(_maxRejects),
            MaxLoad = arguments.GetValue(_maxLoad),
            IsDryRun = arguments.GetValue(_dryRun),
        };
        return arguments.GetValue(_activity) is null ? order : order.OfActivity();
    }

    private static async Task<string> WriteRejectsAsync(ImportSummary summary, string path)
    {
        try
        {
            await using var file = new StreamWriter(path);
            await RejectsFile.WriteAsync(file, summary.Columns, summary.Rejects);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the rejected rows cannot be written to '{path}': {e.Message} They are in twimport.reject, load {summary.Load}; name another file (--rejects), and import once more"),
                e);
        }
    }

    private void Print(ImportSummary summary, ImportOrder order, string rejects, bool json)
    {
        if (json)
        {
            JsonOutput.Write(_terminal, new
            {
                File = order.Name,
                summary.Table,
                summary.Load,
                summary.AsOf,
                DryRun = order.IsDryRun,
                summary.IsResumed,
                summary.WasLoaded,
                summary.Read,
                summary.Same,
                summary.Updated,
                summary.Inserted,
                summary.Deleted,
                summary.Superseded,
                summary.Rejected,
                summary.Note,
                RejectsFile = rejects,
                FirstRejects = summary.Rejects.Take(FirstRejects).Select(reject => new { reject.Line, reject.Error }),
            });
            return;
        }

        var did = summary.WasLoaded ? "was loaded before, and nothing was done" : order.IsDryRun ? "would do" : summary.IsResumed ? "done, from where it was" : "done";
        _terminal.Print(string.Create(CultureInfo.InvariantCulture, $"{order.Name} into {summary.Table}, as of {summary.AsOf.UtcDateTime:u} (load {summary.Load}): {did}"));
        _terminal.Print(string.Create(
            CultureInfo.InvariantCulture,
            $"read {summary.Read}, same {summary.Same}, updated {summary.Updated}, inserted {summary.Inserted}, deleted {summary.Deleted}, superseded {summary.Superseded}, "
            + $"rejected {summary.Rejected}"));
        if (summary.Note.Length > 0)
            _terminal.Note($"note: {summary.Note}");
        foreach (var reject in summary.Rejects.Take(FirstRejects))
        {
            var what = reject.Line is { } line ? string.Create(CultureInfo.InvariantCulture, $"line {line}") : PlainText.OneLine(reject.Row);
            _terminal.Note($"{what}: {PlainText.OneLine(reject.Error)}");
        }

        if (summary.Rejected > FirstRejects)
            _terminal.Note(string.Create(CultureInfo.InvariantCulture, $"and {summary.Rejected - FirstRejects} more"));
        if (rejects.Length > 0)
            _terminal.Note($"rejected rows are in {rejects}: mend them there, and import that file");
    }

    private static string[] List(string? text) => text?.Split(',', StringSplitOptions.TrimEntries) ?? [];

    private static char? ParseSeparator(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (ImportOrder.SeparatorOf(text) is { } separator)
            return separator;

        result.AddError($"--separator {text}: write one character of ASCII such as ; or the word tab");
        return null;
    }

    private static DateTimeOffset? ParseTime(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (ImportOrder.TimeOf(text) is { } time)
            return time;

        result.AddError($"--as-of {text}: write a time as in 2017-06-01 or 2017-06-01T12:00:00Z");
        return null;
    }

    private static void RequireBetween(OptionResult result, Option<double> option, double least, double most)
    {
        if (result.GetValue(option) is var value && !(value >= least && value <= most))
            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} is {value}; write a number from {least} to {most}"));
    }
}
