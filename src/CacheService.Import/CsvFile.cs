using System.Security.Cryptography;
using System.Text;

namespace CacheService.Import;

/// <summary>A file with separated values, as its bytes are now.</summary>
internal sealed class CsvFile
{
    private static readonly char[] Separators = [',', ';', '\t', '|'];

    private readonly ImportOrder _order;
    private readonly Encoding _encoding;

    private CsvFile(ImportOrder order, Encoding encoding) => (_order, _encoding) = (order, encoding);

    /// <summary>The hash of its bytes, by which it is known again.</summary>
    public required byte[] Sha256 { get; init; }

    public required long Bytes { get; init; }

    /// <summary>When it was last written to.</summary>
    public required DateTimeOffset WrittenAt { get; init; }

    /// <summary>What its first row says, once per separator that it may have.</summary>
    public IReadOnlyList<(char Separator, CsvRow FirstRow)> Headers { get; private set; } = [];

    /// <summary>Looks at a file, and reads it once.</summary>
    /// <exception cref="ImportException">It cannot be read, or is empty.</exception>
    public static async Task<CsvFile> OpenAsync(ImportOrder order, CancellationToken cancellationToken)
    {
        try
        {
            // A pipe has no length, and whoever opens one waits for its other end.
            var info = new FileInfo(order.Path);
            if ((info.ResolveLinkTarget(returnFinalTarget: true) ?? info) is not FileInfo { Exists: true, Length: > 0 } && info.Exists)
            {
                throw new ImportException($"{order.Name} is empty: it has not even a header; if it is a pipe or a device, save what comes out of it to a file first");
            }

            await using var stream = Open(order);
            var file = new CsvFile(order, FindEncoding(order, stream))
            {
                Sha256 = await SHA256.HashDataAsync(stream, cancellationToken),
                Bytes = stream.Position,
                WrittenAt = Whole(File.GetLastWriteTimeUtc(order.Path)),
            };
            file.Headers = file.ReadHeaders();
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImportException($"{order.Name} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads all rows, and the header.</summary>
    /// <param name="separator">What stands between values.</param>
    /// <param name="atATime">How many rows are given at a time.</param>
    /// <param name="take">Is given them.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ImportException">It cannot be read, or is not what it was when it was opened.</exception>
    public async Task ReadAsync(char separator, Func<int> atATime, Func<IReadOnlyList<CsvRow>, Task> take, CancellationToken cancellationToken)
    {
        // Rows may be as large as files: so many are in memory at a time, and one row more.
        const int MostCharacters = 4 << 20;
        using var hash = SHA256.Create();
        await using var stream = Open(_order);
        await using var hashed = new CryptoStream(stream, hash, CryptoStreamMode.Read, leaveOpen: true);
        using (var reader = new CsvReader(new StreamReader(hashed, _encoding, detectEncodingFromByteOrderMarks: false, 1 << 16, leaveOpen: true), separator))
        {
            var rows = new List<CsvRow>();
            var characters = 0L;
            while (reader.Read() is { } row)
            {
                if (row.Values.Any(value => value?.Contains(CsvReader.NoText, StringComparison.Ordinal) == true))
                {
                    throw new ImportException($"line {row.Line}: bytes that are no text in {_encoding.WebName}; say how the file is encoded, such as windows-1252 or iso-8859-15");
                }

                rows.Add(row);
                characters += row.Values.Sum(value => (long)(value?.Length ?? 0));
                if (rows.Count >= atATime() || characters > MostCharacters)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await take(rows);
                    rows.Clear();
                    characters = 0;
                }
            }

            await take(rows);
        }

        // What the reader has not asked for any more.
        await hashed.CopyToAsync(Stream.Null, cancellationToken);
        if (!hash.Hash!.SequenceEqual(Sha256))
        {
            throw new ImportException(
                $"{_order.Name} was written to while it was read (it had {Bytes} bytes and has {stream.Length}): wait until it is complete. Nothing was changed");
        }
    }

    private static FileStream Open(ImportOrder order)
    {
        try
        {
            return new(order.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ImportException($"{order.Name} cannot be read: {e.Message}", e);
        }
    }

    // The database knows microseconds.
    private static DateTimeOffset Whole(DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);

    private static Encoding FindEncoding(ImportOrder order, FileStream stream)
    {
        Span<byte> start = stackalloc byte[4];
        var length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stream.Position = 0;
        var name = start[..length] switch
        {
            [0xEF, 0xBB, 0xBF, ..] => "utf-8",
            [0xFF, 0xFE, 0, 0] => "utf-32",
            [0, 0, 0xFE, 0xFF] => "utf-32BE",
            [0xFF, 0xFE, ..] => "utf-16",
            [0xFE, 0xFF, ..] => "utf-16BE",
            _ => order.Encoding,
        };
        var noText = new DecoderReplacementFallback(CsvReader.NoText.ToString());
        try
        {
            return Encoding.GetEncoding(name, EncoderFallback.ExceptionFallback, noText);
        }
        catch (ArgumentException)
        {
            return CodePagesEncodingProvider.Instance.GetEncoding(name, EncoderFallback.ExceptionFallback, noText)
                ?? throw new ImportException($"there is no encoding '{name}'; write one such as utf-8, windows-1252 or iso-8859-15");
        }
        catch (NotSupportedException e)
        {
            throw new ImportException($"files in {name} are not read, because some of its texts can be read in two ways; save the file as utf-8", e);
        }
    }

    private List<(char Separator, CsvRow FirstRow)> ReadHeaders()
    {
        var headers = new List<(char Separator, CsvRow FirstRow)>();
        ImportException? firstProblem = null;
        foreach (var separator in _order.Separator is { } given ? [given] : Separators)
        {
            try
            {
                using var reader = new CsvReader(new StreamReader(Open(_order), _encoding, detectEncodingFromByteOrderMarks: false), separator);
                headers.Add((separator, reader.Read() ?? throw new ImportException($"{_order.Name} is empty: it has not even a header")));
            }
            catch (ImportException e)
            {
                // With another separator quotes may stand where they may.
                firstProblem ??= e;
            }
        }

        return headers is [] ? throw firstProblem! : headers;
    }
}
