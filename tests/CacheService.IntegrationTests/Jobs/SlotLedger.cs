using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Jobs;

/// <summary>Holds the rows of a job against its schedule: each slot from the first to the last has one row, and no other slot has.</summary>
internal static class SlotLedger
{
    /// <summary>What is wrong, in words; empty: nothing.</summary>
    /// <param name="database">The database.</param>
    /// <param name="job">A job whose slots are all as far apart.</param>
    /// <param name="interval">How far; null: a second.</param>
    public static async Task<string> FaultsAsync(ITestDatabase database, string job, TimeSpan? interval = null)
    {
        // A skipped row stands for all slots from its first to its last.
        var sql =
            $"""
            with due as (
                select g as slot, r.runid
                  from twjobs.run r
                  join twjobs.job j using (jobid)
                 cross join lateral generate_series(r.slot, coalesce(r.last_slot, r.slot), make_interval(secs => {(interval ?? TimeSpan.FromSeconds(1)).TotalSeconds})) as g
                 where j.name = '{job}' and r.trigger = 'schedule'
            ), bounds as (
                select min(slot) as first, max(slot) as last from due
            ), wanted as (
                select generate_series(first, last, make_interval(secs => {(interval ?? TimeSpan.FromSeconds(1)).TotalSeconds})) as slot from bounds
            )
            select concat_ws('; ',
                (select 'twice: ' || string_agg(slot::text, ', ') from (select slot from due group by slot having count(*) > 1) as twice),
                (select 'missing: ' || string_agg(slot::text, ', ') from (select slot from wanted except select slot from due) as missing),
                (select 'not wanted: ' || string_agg(slot::text, ', ') from (select slot from due except select slot from wanted) as others),
                (select 'without a reason: ' || string_agg(runid::text, ', ') from twjobs.run where state = 'skipped' and detail = ''),
                (select 'skipped rows that count wrongly: ' || string_agg(runid::text, ', ')
                   from twjobs.run where trigger = 'schedule' and state = 'skipped' and slots <> round(extract(epoch from last_slot - slot) / {(interval ?? TimeSpan.FromSeconds(1)).TotalSeconds}) + 1),
                (select 'none at all' from bounds where first is null))
            """;
        return await database.QueryAsync<string>(sql);
    }
}
