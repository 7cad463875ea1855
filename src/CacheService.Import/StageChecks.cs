using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>What is looked at once a file is staged, and before its table is touched.</summary>
internal sealed class StageChecks(IImportSession session, ImportOrder order, FileColumns columns, TargetTable target, TimeProvider time)
{
    private const int Told = 10;

    private string[] Key => [.. target.Key.Select(column => column.Quoted)];

    /// <summary>Sees to it that each row has a key of its own, orders rows that refer to each other, and takes away those that refer to what is not there.</summary>
    /// <param name="load">What is staged.</param>
    /// <param name="begun">The load as it was before it was staged.</param>
    /// <param name="hasDuplicates">Whether a key is there twice.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ImportException">The keys are of no use.</exception>
    public async Task<Load> RunAsync(Load load, Load begun, bool hasDuplicates, CancellationToken cancellationToken)
    {
        if (Key.Length > 0)
        {
            await CheckKeysAsync(load, hasDuplicates, cancellationToken);
        }

        load = await new StageOrder(session, columns, target, time).RunAsync(load, begun, cancellationToken);
        // Fresh figures, by which the batches are planned.
        await session.RunAsync(c => c.ExecuteAsync($"analyze {load.Stage}", cancellationToken), cancellationToken);
        await session.RunAsync(c => TakeAwayStraysAsync(c, load, cancellationToken), cancellationToken);
        return load;
    }

    /// <summary>Sees to it that rows which are inserted have all that they need.</summary>
    /// <exception cref="ImportException">The file lacks a column without which there is no new row.</exception>
    public async Task RequireNeededAsync(Load load, NewerLoads newer, CancellationToken cancellationToken)
    {
        var lacked = target.Columns.Where(column => column.IsNeeded && !columns.Columns.Contains(column)).Select(column => column.Name).ToList();
        if (lacked.Count == 0 || newer.SupersedesAll)
        {
            return;
        }

        var isNew = Key.Length == 0 ? "true"
            : $"not exists (select from {target.Name} t where {MissingRows.Same("t", "b", target.Key)})"
              + string.Concat(newer.Loads.Select(other => $" and not {MissingRows.Has(other, "b", target.Key)}"));
        var lines = await session.AskAsync(
            c => c.QueryAsync($"select {Stager.Line} from {load.Stage} b where {isNew} order by 1 limit 1", row => row.GetInt64(0), cancellationToken), cancellationToken);
        if (lines is [var line])
        {
            throw new ImportException(string.Create(
                CultureInfo.InvariantCulture,
                $"line {line}: it is a new row, and the file lacks {string.Join(", ", lacked)}, which {target.Name} has for no row without a value and has no default for. Nothing was changed"));
        }
    }

    /// <summary>How many rows of the table a file lacks, by its key, where none of a later date has them.</summary>
    public Task<long> CountMissingAsync(Load load, NewerLoads newer, CancellationToken cancellationToken) =>
        session.AskAsync(c => c.ValueAsync<long>($"select count(*) from {MissingRows.Of(target, load, newer)}", cancellationToken), cancellationToken);

    private async Task CheckKeysAsync(Load load, bool hasDuplicates, CancellationToken cancellationToken)
    {
        var nulls = await session.AskAsync(
            c => c.QueryAsync(
                $"select {Stager.Line}, count(*) over () from {load.Stage} where {string.Join(" or ", Key.Select(column => $"{column} is null"))} order by 1 limit {Told}",
                row => (Line: row.GetInt64(0), All: row.GetInt64(1)),
                cancellationToken),
            cancellationToken);
        if (nulls is [var first, ..])
        {
            var lines = $"line{(nulls.Count > 1 ? "s" : "")} {string.Join(", ", nulls.Select(each => each.Line))}{(first.All > Told ? ", …" : "")}";
            throw new ImportException(string.Create(
                CultureInfo.InvariantCulture, $"{first.All} rows have no {string.Join(", ", order.Key)}, which is the key: {lines}. Nothing was changed"));
        }

        if (hasDuplicates)
        {
            var twice = await session.AskAsync(
                c => c.QueryAsync(
                    $"""
                    select concat_ws(', ', {string.Join(", ", Key.Select(column => $"{column}::text"))}), array_agg({Stager.Line} order by {Stager.Line}), count(*) over ()
                      from {load.Stage} group by {string.Join(", ", Key)} having count(*) > 1 order by min({Stager.Line}) limit {Told}
                    """,
                    row => (Key: row.GetString(0), Lines: row.GetFieldValue<long[]>(1), All: row.GetInt64(2)),
                    cancellationToken),
                cancellationToken);
            var keys = string.Join("; ", twice.Select(each => $"{each.Key} on lines {string.Join(", ", each.Lines.Take(Told))}"));
            throw new ImportException(string.Create(
                CultureInfo.InvariantCulture, $"{twice[0].All} keys are there more than once: {keys}{(twice[0].All > Told ? "; …" : "")}. Nothing was changed"));
        }
    }

    // Rows that refer to what is not there would have each batch fail that they are in. Without one, others may refer to what is not there.
    private async Task TakeAwayStraysAsync(NpgsqlConnection c, Load load, CancellationToken cancellationToken)
    {
        var references = await target.ReadReferencesAsync(c, columns.Names, cancellationToken);
        var all = 0L;
        for (var found = true; found;)
        {
            found = false;
            foreach (var reference in references)
            {
                var strays = await TakeAwayStraysAsync(c, load, reference, cancellationToken);
                all += strays;
                found |= strays > 0 && references.Any(other => other.IsOwn);
                if (all > order.MaxRejects)
                {
                    throw new ImportException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{all} rows refer to rows of {reference.Table} that there are not. Nothing was changed; if they may be left out, allow more"));
                }
            }
        }
    }

    private Task<long> TakeAwayStraysAsync(NpgsqlConnection c, Load load, Reference reference, CancellationToken cancellationToken) => c.ValueAsync<long>(
        $"""
        with stray as (
            delete from {load.Stage} s
             where {string.Join(" and ", reference.From.Select(column => $"s.{column} is not null"))}
               and not exists (select from {reference.Table} r where {reference.Same("r", "s")})
               {(reference.IsOwn ? $"and not exists (select from {load.Stage} r where {reference.Same("r", "s")})" : "")}
            returning s.*
        ), told as (
            insert into twimport.reject (loadid, line, row, error)
            select $1, {Stager.Line}, {columns.TextsOf("stray")}, $2 from stray
             where not exists (select from twimport.reject r where r.loadid = $1 and r.line = stray.{Stager.Line})
        )
        select count(*) from stray
        """,
        cancellationToken,
        load.Id,
        $"{string.Join(", ", reference.From)} refers to a row of {reference.Table} that there is not");
}
