using Npgsql;

namespace CacheService.Import;

/// <summary>Orders the rows of a file that refer to each other, as an employee does to a chief: each comes after those that it refers to, wherever in the file they stand.</summary>
internal sealed class StageOrder(IImportSession session, FileColumns columns, TargetTable target, TimeProvider time)
{
    /// <summary>The column with a row's place in the order.</summary>
    public const string Column = "import_order";

    private const string Depth = "import_depth";

    /// <summary>
    /// Numbers all that is staged. It depends on nothing but the file, because a load that goes on after its stage was lost goes on at its place in the order.
    /// </summary>
    /// <exception cref="ImportException">The load goes on at a place of another order.</exception>
    public async Task<Load> RunAsync(Load load, Load begun, CancellationToken cancellationToken)
    {
        var references = await session.AskAsync(c => target.ReadReferencesAsync(c, columns.Names, cancellationToken), cancellationToken);
        var own = references.Where(reference => reference.IsOwn).ToList();
        if (own.Count == 0 || begun is { Place: > 0, IsOrdered: false })
        {
            return begun is { Place: > 0, IsOrdered: true } ? throw IsOtherwise() : await ForgetOrderAsync(load, cancellationToken);
        }

        // Most files are in order as they are, and a chain of a million rows would be looked through as often as that.
        if (begun.Place == 0 && !await session.AskAsync(c => RefersBehindAsync(c, load, own, cancellationToken), cancellationToken))
        {
            return await ForgetOrderAsync(load, cancellationToken);
        }

        await session.RunPatientlyAsync(
            c => c.ExecuteAsync(
                $"""
                {TransactionSettings.Sql};
                alter table {load.Stage} add {Depth} int, add {Column} bigint;
                {string.Concat(own.Select(reference => $"create index on {load.Stage} ({string.Join(", ", reference.To)}); "))}
                analyze {load.Stage}
                """,
                cancellationToken),
            load.Stage,
            time,
            cancellationToken);
        // A row that waits for none of the file comes first, then those that wait for such rows only, and so on. What is left refers to itself over others.
        for (var depth = 0; await session.AskAsync(c => DescendAsync(c, load, own, depth, cancellationToken), cancellationToken) > 0; depth++)
        {
        }

        return await session.AskAsync(
            async c =>
            {
                var all = await c.ExecuteAsync(
                    $"""
                    update {load.Stage} s set {Column} = o.place
                      from (select {Stager.Line}, row_number() over (order by {Depth} nulls last, {Stager.Line}) as place from {load.Stage}) as o
                     where s.{Stager.Line} = o.{Stager.Line}
                    """,
                    cancellationToken);
                if (begun.Place > 0 && begun.LastLine != all)
                {
                    throw IsOtherwise();
                }

                await c.ExecuteAsync(
                    $"create index on {load.Stage} ({Column}); update twimport.load set is_ordered = true, last_line = {all} where loadid = {load.Id}", cancellationToken);
                return load with { IsOrdered = true, LastLine = all };
            },
            cancellationToken);
    }

    private async Task<Load> ForgetOrderAsync(Load load, CancellationToken cancellationToken)
    {
        if (load.IsOrdered)
        {
            await session.RunAsync(c => c.ExecuteAsync("update twimport.load set is_ordered = false where loadid = $1", cancellationToken, load.Id), cancellationToken);
        }

        return load with { IsOrdered = false };
    }

    private ImportException IsOtherwise() =>
        new($"{target.Name} takes other rows of the file than it did when the file was begun, or in another order, so that nobody can say where to go on: give it a later date, and it begins anew");

    private static Task<bool> RefersBehindAsync(NpgsqlConnection c, Load load, IReadOnlyList<Reference> own, CancellationToken cancellationToken) => c.ValueAsync<bool>(
        "select " + string.Join(" or ", own.Select(reference =>
            $"exists (select from {load.Stage} s join {load.Stage} p on {reference.Same("p", "s")} where p.{Stager.Line} > s.{Stager.Line})")),
        cancellationToken);

    private static async Task<long> DescendAsync(NpgsqlConnection c, Load load, IReadOnlyList<Reference> own, int depth, CancellationToken cancellationToken) => await c.ExecuteAsync(
        $"""
        update {load.Stage} s set {Depth} = {depth}
         where {Depth} is null
        {string.Concat(own.Select(reference =>
            $" and not exists (select from {load.Stage} p where {reference.Same("p", "s")} and p.{Stager.Line} <> s.{Stager.Line} and p.{Depth} is null)"))}
        """,
        cancellationToken);
}
