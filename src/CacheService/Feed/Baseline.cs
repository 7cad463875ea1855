namespace CacheService.Feed;

/// <summary>
/// What the counts stand on: the server, the database, the tables with their partitions and children, the triggers and their functions. As long as all of it is
/// as it was at the load, the change log has every change since. Whatever differs has to be loaded afresh, or stands in the way of the counts
/// (<see cref="Problems"/>).
/// <para>
/// The catalogs are read by the transaction that last changed each row, so that what was changed and changed back between two looks is seen too.
/// What cannot be seen: rows that somebody deletes from the change log by hand. Audits find that.
/// </para>
/// </summary>
internal sealed record Baseline
{
    /// <summary>The server's system identifier: a copy of its files has the same.</summary>
    public required long Server { get; init; }

    /// <summary>The database's oid: a copy of it under its name has another.</summary>
    public required long Database { get; init; }

    /// <summary>The change log's books.</summary>
    public required string Books { get; init; }

    /// <summary>The trigger functions.</summary>
    public required uint[] Functions { get; init; }

    /// <summary>The columns that are counted, and their labels.</summary>
    public required string Columns { get; init; }

    /// <summary>Whether the change log has rows of transactions that lie far ahead, such as a restore brings.</summary>
    public required bool HasRowsFromAhead { get; init; }

    /// <summary>The tables that are counted, with their partitions and children.</summary>
    public required uint[] Tables { get; init; }

    /// <summary>What every drain looks at.</summary>
    public required Footprint Footprint { get; init; }

    /// <summary>Why the change log does not prove the counts, a sentence each; none if it does.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Why a registration of another time does not hold now; null if it does.</summary>
    public string? WhyRegisterAfresh(Baseline now)
    {
        if (now.HasRowsFromAhead)
        {
            return "the change log has rows of transactions to come, as after a restore";
        }

        if (Server != now.Server)
        {
            return "this is another server";
        }

        if (Database != now.Database)
        {
            return "this is another database of the same name";
        }

        if (Books != now.Books || Footprint.ChangeLog != now.Footprint.ChangeLog)
        {
            return "the tables of schema twcache are others than before";
        }

        // Whoever runs one of the former functions may have recorded something else, or nothing.
        // Sessions that have written before may go on with plans for the columns and labels of before, until a registration has them plan anew.
        return Footprint.Functions != now.Footprint.Functions ? "trigger functions of schema twcache were replaced"
            : Columns != now.Columns ? "columns or labels of tweet.activity or tweet.message were changed"
            : null;
    }

    /// <summary>What is different since, so that everything has to be loaded afresh; null if nothing is.</summary>
    public string? DescribeChangeTo(Baseline now) =>
        now.Problems.Count > 0 ? string.Join("; ", now.Problems)
        : WhyRegisterAfresh(now)
        ?? (Footprint != now.Footprint ? Footprint.DescribeChangeTo(now.Footprint)
        : !Tables.AsSpan().SequenceEqual(now.Tables) ? "partitions or children of tweet.activity or tweet.message came or went"
        : null);
}
