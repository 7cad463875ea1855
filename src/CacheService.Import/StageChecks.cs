using System.Globalization;
using Npgsql;

namespace CacheService.Import;

/// <summary>What is looked at once a file is staged, and before its table is touched.</summary>
internal sealed class StageChecks(IImportSession session, ImportOrder order, FileColumns columns, TargetTable target)
{
    private const int Told = 10;

    private string[] Key => [.. target.Quote(order.Key)];

    /// <summary>Sees to it that each row has a key of its own, and takes away those that refer to what is not there.</summary>
    /// <exception cref="ImportException">The keys are of no use.</exception>
    public async Task RunAsync(Load load, bool hasDuplicates, CancellationToken cancellationToken)
    {
        if (Key.Length > 0)
        {
            await CheckKeysAsync(load, hasDuplicates, cancellationToken);
        }

        // Fresh figures, by which the batches are planned.
        await session.RunAsync(c => c.ExecuteAsync($"analyze {load.Stage}", cancellationToken), cancellationToken);
        await session.RunAsync(c => TakeAwayStraysAsync(c, load, cancellationToken), cancellationToken);
    }

    /// <summary>How many rows of the table a file lacks, by its key, where none of a later date has them.</summary>
    public Task<long> CountMissingAsync(Load load, NewerLoads newer, CancellationToken cancellationToken) =>
        session.AskAsync(c => c.ValueAsync<long>($"select count(*) from {MissingRows.Of(target, Key, load, newer)}", cancellationToken), cancellationToken);

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
            throw new ImportException(string.Create(CultureInfo.InvariantCulture, $"{first.All} rows have no {string.Join(", ", order.Key)}, which is the key: line{(nulls.Count > 1 ? "s" : "")} {string.Join(", ", nulls.Select(each => each.Line))}{(first.All > Told ? ", …" : "")}. Nothing was changed"));
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
            throw new ImportException(
                string.Create(CultureInfo.InvariantCulture, $"{twice[0].All} keys are there more than once: {string.Join("; ", twice.Select(each => $"{each.Key} on lines {string.Join(", ", each.Lines.Take(Told))}"))}{(twice[0].All > Told ? "; …" : "")}. Nothing was changed"));
        }
    }

    // Rows that refer to what is not there would have each batch fail that they are in.
    private async Task TakeAwayStraysAsync(NpgsqlConnection c, Load load, CancellationToken cancellationToken)
    {
        foreach (var (table, from, to) in await target.ReadReferencesAsync(c, columns.Names, cancellationToken))
        {
            var strays = await c.ValueAsync<long>(
                $"""
                with stray as (
                    delete from {load.Stage} s
                     where {string.Join(" and ", from.Select(column => $"s.{column} is not null"))}
                       and not exists (select from {table} r where {string.Join(" and ", from.Zip(to).Select(pair => $"r.{pair.Second} = s.{pair.First}"))})
                    returning s.*
                ), told as (
                    insert into twimport.reject (loadid, line, row, error)
                    select $1, {Stager.Line}, to_jsonb(stray) - '{Stager.Line}', $2 from stray
                     where not exists (select from twimport.reject r where r.loadid = $1 and r.line = stray.{Stager.Line})
                )
                select count(*) from stray
                """,
                cancellationToken,
                load.Id,
                $"{string.Join(", ", from)} refers to a row of {table} that there is not");
            if (strays > order.MaxRejects)
            {
                throw new ImportException(string.Create(CultureInfo.InvariantCulture, $"{strays} rows refer to rows of {table} that there are not. Nothing was changed; if they may be left out, allow more"));
            }
        }
    }
}
