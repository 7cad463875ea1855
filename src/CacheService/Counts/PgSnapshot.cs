using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace CacheService.Counts;

/// <summary>A PostgreSQL <c>pg_snapshot</c>: which transactions a state of the database includes.</summary>
internal sealed class PgSnapshot
{
    private readonly string _text;

    private PgSnapshot(string text, ulong xmax, ulong[] inProgress)
    {
        _text = text;
        Xmax = xmax;
        InProgress = inProgress;
    }

    /// <summary>No transaction from this id on is included.</summary>
    public ulong Xmax { get; }

    /// <summary>The transactions below <see cref="Xmax"/> that are not included, ascending.</summary>
    public ulong[] InProgress { get; }

    /// <summary>Parses PostgreSQL's text form, <c>xmin:xmax:xip,xip,…</c>.</summary>
    /// <exception cref="FormatException">The text is not a snapshot.</exception>
    public static PgSnapshot Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<char> all = text;
        Span<Range> parts = stackalloc Range[4];
        if (all.Split(parts, ':') != 3)
        {
            Reject(text);
        }

        return new PgSnapshot(text, ParseXid(all[parts[1]], text), ParseXids(all[parts[2]], text));
    }

    /// <summary>
    /// Whether the transaction had ended, committed or not, when the snapshot was taken. This is PostgreSQL's own rule
    /// (XidInMVCCSnapshot), on top-level transaction ids.
    /// </summary>
    public bool Includes(ulong xid) => xid < Xmax && Array.BinarySearch(InProgress, xid) < 0;

    /// <summary>Whether another snapshot of the same server includes the same, and has the same in progress.</summary>
    public bool IsSameAs(PgSnapshot other) => _text == other._text;

    /// <summary>Whether another snapshot of the same server includes all that this one does.</summary>
    public bool IsContainedIn(PgSnapshot other)
    {
        // What this one includes and the other lacks is in progress there, or has not begun there.
        if (other.InProgress.Any(xid => xid < Xmax && Includes(xid)))
        {
            return false;
        }

        // Between both ends everything must be in progress here.
        return Xmax <= other.Xmax || (ulong)InProgress.Count(xid => xid >= other.Xmax) == Xmax - other.Xmax;
    }

    /// <summary>PostgreSQL's text form.</summary>
    public override string ToString() => _text;

    private static ulong[] ParseXids(ReadOnlySpan<char> list, string text)
    {
        if (list.IsEmpty)
        {
            return [];
        }

        var xids = new ulong[list.Count(',') + 1];
        var count = 0;
        foreach (var digits in list.Split(','))
        {
            xids[count++] = ParseXid(list[digits], text);
        }

        return xids;
    }

    private static ulong ParseXid(ReadOnlySpan<char> digits, string text)
    {
        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var xid))
        {
            Reject(text);
        }

        return xid;
    }

    [DoesNotReturn]
    private static void Reject(string text) => throw new FormatException($"'{text}' is not a pg_snapshot.");
}
