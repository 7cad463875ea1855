using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Npgsql;

namespace CacheService.Import;

/// <summary>Copies a file into a table of its own, whose columns are those of the target: a value that the target would not take is found here, with its line.</summary>
internal sealed class Stager(IImportSession session, ImportOrder order, CsvFile file, FileColumns columns, TargetTable target, Pace pace, TimeProvider time, Action<string> tell)
{
    /// <summary>The column with the line on which a row begins.</summary>
    public const string Line = "import_line";

    private const string RejectSql =
        """
        insert into twimport.reject (loadid, line, row, error)
        select $1, $2, $3::jsonb, $4 where not exists (select from twimport.reject where loadid = $1 and line = $2)
        """;

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private long _read;
    private long _rejected;
    private long _lastLine;
    private int _roundTrips;

    /// <summary>Whether a key is there twice.</summary>
    public bool HasDuplicates { get; private set; }

    /// <summary>Copies the file. What is staged is not taken for whole before <see cref="LoadBook.SetStagedAsync"/>.</summary>
    /// <exception cref="ImportException">It cannot be read, or too much of it is rejected.</exception>
    public async Task<Load> StageAsync(Load load, CancellationToken cancellationToken)
    {
        await session.RunPatientlyAsync(c => CreateAsync(c, load, cancellationToken), load.Stage, time, cancellationToken);
        var isFirst = columns.Header is not null;
        var since = time.GetTimestamp();
        await file.ReadAsync(
            columns.Separator,
            () => pace.Size,
            async rows =>
            {
                await TakeAsync(load, isFirst ? rows.Skip(1) : rows, cancellationToken);
                isFirst = false;
                tell(string.Create(CultureInfo.InvariantCulture, $"{_read:N0} rows read, {_rejected:N0} rejected"));
                await Task.Delay(pace.PauseAfter(time.GetElapsedTime(since), _roundTrips, rows.Count), time, cancellationToken);
                _roundTrips = 0;
                since = time.GetTimestamp();
            },
            cancellationToken);
        return await session.AskAsync(
            async c =>
            {
                await c.ExecuteAsync("update twimport.load set read = $2, last_line = $3 where loadid = $1", cancellationToken, load.Id, _read, _lastLine);
                return load with { LastLine = _lastLine };
            },
            cancellationToken);
    }

    private async Task CreateAsync(NpgsqlConnection c, Load load, CancellationToken cancellationToken)
    {
        await c.ExecuteAsync($"{TransactionSettings.Sql}; drop table if exists {load.Stage}", cancellationToken);
        var names = string.Join(", ", columns.Columns.Select(column => column.Quoted));
        // Its figures are taken when it is whole, and nothing in it changes after that: the server need not look after it.
        await c.ExecuteAsync(
            $"create unlogged table {load.Stage} with (autovacuum_enabled = off) as select 0::bigint as {Line}, {names} from {target.Name} with no data", cancellationToken);
        foreach (var column in columns.Columns.Where(column => column.IsNotNull && !order.Key.Contains(column.Name)))
        {
            await c.ExecuteAsync($"alter table {load.Stage} alter {column.Quoted} set not null", cancellationToken);
        }

        foreach (var check in await target.ReadChecksAsync(c, columns.Names, cancellationToken))
        {
            await c.ExecuteAsync($"alter table {load.Stage} add {check}", cancellationToken);
        }

        // Before there are rows, because an index of all of them at once would keep a processor busy for seconds.
        await c.ExecuteAsync($"create index on {load.Stage} ({Line})", cancellationToken);
        if (order.Key.Count > 0)
        {
            var key = string.Join(", ", target.Key.Select(column => column.Quoted));
            await c.ExecuteAsync($"create unique index {KeyIndexOf(load)} on {load.Stage} ({key})", cancellationToken);
        }

        // Until it is whole, whoever goes on begins with this anew.
        await c.ExecuteAsync("update twimport.load set is_staged = false where loadid = $1", cancellationToken, load.Id);
    }

    private async Task TakeAsync(Load load, IEnumerable<CsvRow> rows, CancellationToken cancellationToken)
    {
        var whole = new List<CsvRow>();
        foreach (var row in rows.Where(row => !row.IsBlank || columns.All.Count == 1))
        {
            _read++;
            _lastLine = row.Line;
            if (ProblemOf(row) is { } problem)
            {
                await RejectAsync(load, row, problem, cancellationToken);
            }
            else
            {
                whole.Add(order.NullText is null ? row : row with { Values = [.. row.Values.Select(value => value == order.NullText ? null : value)] });
            }
        }

        await CopyAsync(load, whole, cancellationToken);
    }

    private string? ProblemOf(CsvRow row) =>
        row.Values.Length != columns.All.Count ? $"it has {row.Values.Length} values in place of {columns.All.Count}"
        : columns.Header is { } header && row.Values.SequenceEqual(header.Values) ? "it is the header once more"
        : null;

    /// <summary>Copies rows; where one cannot be taken, those before it, and goes on after it.</summary>
    private async Task CopyAsync(Load load, IReadOnlyList<CsvRow> rows, CancellationToken cancellationToken)
    {
        for (var rest = rows; rest.Count > 0;)
        {
            try
            {
                await SendAsync(load, rest, cancellationToken);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                // The file is refused, once all that are there twice are known.
                HasDuplicates = true;
                await session.RunPatientlyAsync(
                    c => c.ExecuteAsync($"{TransactionSettings.Sql}; drop index twimport.{KeyIndexOf(load)}", cancellationToken), load.Stage, time, cancellationToken);
            }
            catch (PostgresException e) when (IsAboutRow(e))
            {
                if (rest.Count == 1)
                {
                    await RejectAsync(load, rest[0], e.MessageText, cancellationToken);
                    return;
                }

                // Where the server does not say which one it is, it is looked for by halves.
                var bad = NumberOf(e, load) is { } number && number <= rest.Count ? number - 1 : rest.Count / 2;
                await CopyAsync(load, [.. rest.Take(bad)], cancellationToken);
                if (NumberOf(e, load) is not null)
                {
                    await CopyAsync(load, [rest[bad]], cancellationToken);
                    bad++;
                }

                rest = [.. rest.Skip(bad)];
            }
        }
    }

    private static string KeyIndexOf(Load load) => string.Create(CultureInfo.InvariantCulture, $"stage_{load.Id}_key");

    private Task SendAsync(Load load, IReadOnlyList<CsvRow> rows, CancellationToken cancellationToken) => session.RunPatientlyAsync(
        async c =>
        {
            var asked = time.GetTimestamp();
            await c.ExecuteAsync($"{TransactionSettings.Sql}; set local datestyle = 'ISO, {order.DateOrder}'", cancellationToken);
            pace.NoteReply(time.GetElapsedTime(asked));
            // The settings, the copy's beginning and its end.
            _roundTrips += 3 + session.EndRoundTrips;
            var names = string.Join(", ", columns.Columns.Select(column => column.Quoted));
            await using var copy = await c.BeginTextImportAsync($"copy {load.Stage} ({Line}, {names}) from stdin", cancellationToken);
            await copy.WriteAsync(Format(rows), cancellationToken);
        },
        load.Stage,
        time,
        cancellationToken);

    private StringBuilder Format(IReadOnlyList<CsvRow> rows)
    {
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Line}");
            for (var place = 0; place < row.Values.Length; place++)
            {
                if (columns.All[place] is not null)
                {
                    text.Append('\t');
                    Append(text, row.Values[place]);
                }
            }

            text.Append('\n');
        }

        return text;
    }

    private static void Append(StringBuilder text, string? value)
    {
        if (value is null)
        {
            text.Append("\\N");
            return;
        }

        if (value.AsSpan().IndexOfAny("\\\t\n\r") < 0)
        {
            text.Append(value);
            return;
        }

        foreach (var c in value)
        {
            _ = c switch
            {
                '\\' => text.Append("\\\\"),
                '\t' => text.Append("\\t"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                _ => text.Append(c),
            };
        }
    }

    private async Task RejectAsync(Load load, CsvRow row, string error, CancellationToken cancellationToken)
    {
        if (++_rejected > order.MaxRejects)
        {
            throw new ImportException($"more than {order.MaxRejects} rows cannot be taken, the last of them on line {row.Line}: {error}. Nothing was changed; if they may be left out, allow more");
        }

        var json = row.Values.Length == columns.All.Count
            ? JsonSerializer.Serialize(columns.All.Zip(row.Values).Where(each => each.First is not null).ToDictionary(each => each.First!.Name, each => each.Second), Json)
            : JsonSerializer.Serialize(new Dictionary<string, string?> { [""] = string.Join(columns.Separator, row.Values) }, Json);
        // Which the database cannot hold.
        json = json.Replace("\\u0000", "\\uFFFD", StringComparison.Ordinal);
        await session.RunPatientlyAsync(
            async c =>
            {
                await c.ExecuteAsync(TransactionSettings.Sql, cancellationToken);
                await c.ExecuteAsync(RejectSql, cancellationToken, load.Id, row.Line, json, error);
            },
            "twimport.reject",
            time,
            cancellationToken);
        _roundTrips += 2 + session.EndRoundTrips;
    }

    /// <summary>Whether an error is of one row: a bad value, a broken constraint, what a trigger or a function of a check says, with a code of its own too.</summary>
    public static bool IsAboutRow(PostgresException error) => error.SqlState[..2] switch
    {
        "22" or "23" or "38" or "45" or "54" or "P0" => true,
        "53" or "55" or "57" or "58" or "72" or "XX" => false,
        // The standard leaves codes that begin so to others, and PostgreSQL has taken no more of them.
        var code => code[0] is >= '5' and <= '9' or >= 'I' and <= 'Z',
    };

    // "COPY stage_7, line 3, column …", in the server's language.
    private static int? NumberOf(PostgresException error, Load load)
    {
        var name = load.Stage[(load.Stage.IndexOf('.', StringComparison.Ordinal) + 1)..];
        var place = error.Where?.IndexOf(name, StringComparison.Ordinal) ?? -1;
        if (place < 0)
        {
            return null;
        }

        var digits = error.Where!.AsSpan(place + name.Length);
        var first = digits.IndexOfAnyInRange('0', '9');
        if (first < 0)
        {
            return null;
        }

        digits = digits[first..];
        var length = digits.IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(length < 0 ? digits : digits[..length], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;
    }
}
