using System.Globalization;
using CacheService.Import;
using CacheService.Jobs;

namespace CacheService.ImportJob;

/// <summary>What the job <c>import</c> can be told of a file, as texts.</summary>
internal static class OrderTerms
{
    private static readonly JobParameter[] OfFile =
    [
        new("activity", "true: the file has the columns message, action and time, and is added to tweet.activity.", "false"),
        new("columns", "The table's columns in the file's order, in place of its header; a hyphen leaves one out."),
        new("no_header", "true: the first line is a row.", "false"),
        new("separator", "What stands between values; tab for a tabulator. Without it: found out."),
        new("encoding", "How the file is encoded.", "utf-8"),
        new("null", "What stands for NULL beside nothing at all."),
        new("dates", "How dates such as 1/2/2017 are meant: ymd, dmy or mdy.", "ymd"),
        new("as_of", "The file's date, such as 2017-06-01; else when it was last written to."),
        new("delete_missing", "true: the table's rows that the file lacks are deleted.", "false"),
        new("max_delete", "How many percent of the table may be deleted before it is taken for a mistake.", "10"),
        new("max_rejects", "How many rows may be rejected before the file is taken for a wrong one.", "10000"),
        new("max_load", "The share of its time for which the job works; the rest it pauses.", "0.1"),
    ];

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<JobParameter> All =
    [
        new("file", "A file in Import:Directory. Without it: all files of its folders TABLE@KEY and activity, the oldest first."),
        new("into", "The table, with its schema."),
        new("key", "The columns by which a row is found again, with commas between them."),
        .. OfFile,
    ];

    /// <summary>Those that are of a file, beside the table and its key.</summary>
    public static IEnumerable<string> NamesOfFile => OfFile.Select(term => term.Name);

    /// <summary>Looks at what is told of an upload before it comes.</summary>
    /// <param name="told">The terms; what is not among them is as it is by default.</param>
    /// <exception cref="JobRefusedException">It can be no import.</exception>
    public static void Require(IReadOnlyDictionary<string, string> told)
    {
        string Term(string name) => told.GetValueOrDefault(name) ?? All.First(term => term.Name == name).Default;
        try
        {
            OrderOf(Term, path: "", Term("into"), Term("key"), IsTrue(Term, "activity"), isDryRun: false);
        }
        catch (JobFailedException e)
        {
            throw JobRefusedException.BadRequest(e.Message);
        }
    }

    /// <summary>The order for a file.</summary>
    /// <exception cref="JobFailedException">A term is none.</exception>
    public static ImportOrder OrderOf(Func<string, string> term, string path, string table, string key, bool isActivity, bool isDryRun)
    {
        if (!isActivity && (table.Length == 0 || key.Length == 0))
        {
            throw new JobFailedException("say into which table, and by which key: into, such as moma.artist, and key, such as constituentid; or activity, true");
        }

        var order = new ImportOrder
        {
            Path = path,
            Name = Path.GetFileName(path),
            Table = table,
            Key = key.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            Columns = term("columns").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            HasHeader = !IsTrue(term, "no_header"),
            Separator = term("separator") is not { Length: > 0 } separator ? null
                : ImportOrder.SeparatorOf(separator) ?? throw new JobFailedException($"separator is '{separator}'; write one character of ASCII such as ; or the word tab"),
            Encoding = term("encoding"),
            NullText = term("null") is { Length: > 0 } text ? text : null,
            DateOrder = ImportOrder.DateOrders.Contains(term("dates")) ? term("dates") : throw new JobFailedException($"dates is '{term("dates")}'; write ymd, dmy or mdy"),
            AsOf = term("as_of") is not { Length: > 0 } asOf ? null
                : ImportOrder.TimeOf(asOf) ?? throw new JobFailedException($"as_of is '{asOf}'; write a time as in 2017-06-01"),
            DeleteMissing = IsTrue(term, "delete_missing"),
            MaxDeletePercent = NumberOf(term, "max_delete", 0, 100),
            MaxRejects = (int)NumberOf(term, "max_rejects", 0, 10_000_000),
            MaxLoad = NumberOf(term, "max_load", 0.01, 1),
            IsDryRun = isDryRun,
        };
        return isActivity ? order.OfActivity() : order;
    }

    /// <summary>Whether a term says yes.</summary>
    /// <exception cref="JobFailedException">It says neither yes nor no.</exception>
    public static bool IsTrue(Func<string, string> term, string name) => term(name) switch
    {
        "true" => true,
        "false" or "" => false,
        var other => throw new JobFailedException($"{name} is '{other}'; write true or false"),
    };

    private static double NumberOf(Func<string, string> term, string name, double least, double most) =>
        double.TryParse(term(name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new JobFailedException(string.Create(CultureInfo.InvariantCulture, $"{name} is '{term(name)}'; write a number from {least} to {most}"));
}
