using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.AnyDatabase.Histories;

/// <summary>
/// A history of writes, and of changes to everything that the counts stand on, chosen at random. What breaks the cache's footing is mended by
/// hand after some more steps; what the service can mend, it must have mended before the history goes on.
/// </summary>
internal sealed class RandomHistory(PrivateServer server, TrialDatabase database, Trial trial, int seed)
{
    private const string OldBounds = "for values from (minvalue) to ('2020-01-01')";
    private const int StepsUntilMended = 5;

    private readonly Random _random = new(seed);
    private readonly string _dump = Path.GetTempFileName();
    private readonly Dictionary<string, int> _done = [];
    private bool _isOldAttached = true;
    private (string Folder, bool IsOldAttached)? _copy;

    /// <summary>How to mend what is broken now, and when; null if nothing is.</summary>
    private (string What, Func<Task> MendAsync, int AtStep)? _broken;

    private bool _isSwapped;

    /// <summary>What was done, and how often.</summary>
    public string Summary => string.Join(", ", _done.OrderByDescending(one => one.Value).Select(one => $"{one.Value} × {one.Key}"));

    /// <summary>Runs it.</summary>
    public async Task RunAsync(int steps)
    {
        await PostgresTools.DumpAsync(database, _dump);
        for (var step = 1; step <= steps; step++)
        {
            if (_broken is { } broken && (step >= broken.AtStep || step == steps))
            {
                await trial.DoAsync($"step {step}: mend: {broken.What}", broken.MendAsync);
                (_broken, _isSwapped) = (null, false);
                Count("mended");
                await trial.ExactAsync($"mended: {broken.What}", Trial.MendedByHand);
                continue;
            }

            await StepAsync(step);
        }

        if (_broken is { } last)
        {
            await trial.DoAsync($"mend: {last.What}", last.MendAsync);
            await trial.ExactAsync($"mended: {last.What}", Trial.MendedByHand);
        }

        File.Delete(_dump);
    }

    private async Task StepAsync(int step)
    {
        var roll = _random.Next(100);
        // While something is broken, the application writes, and a little is done besides.
        if (roll < 70 || (_broken is not null && roll < 95))
        {
            await WriteAsync(step);
            return;
        }

        if (_broken is null && roll < 82)
        {
            await BreakAsync(step);
            return;
        }

        if (_broken is null)
        {
            await ReplaceAsync(step);
        }
    }

    private async Task WriteAsync(int step)
    {
        var sql = HistoryStatements.Some(_random, _isOldAttached && !_isSwapped);
        Count("transactions");
        await trial.DoAsync($"step {step}: {sql}", () => TryAsync(sql));
        // Now and then the next step comes before anybody has looked.
        if (_broken is null && _random.Next(4) != 0)
        {
            await trial.ExactAsync(sql, Trial.Mends);
        }
    }

    /// <summary>Something that only a hand can mend.</summary>
    private async Task BreakAsync(int step)
    {
        switch (_random.Next(6))
        {
            case 0:
            case 1:
                var (table, name, enabled) = await ChooseTriggerAsync();
                await BreakAsync(step, $"alter table tweet.{table} {(_random.Next(2) == 0 ? "disable" : "enable replica")} trigger {name}", $"alter table tweet.{table} enable {enabled} trigger {name}");
                break;
            case 2:
                (table, name, _) = await ChooseTriggerAsync();
                await BreakAsync(step, $"drop trigger {name} on tweet.{table}", database.ApplySchemaAsync);
                break;
            case 3:
                table = _random.Next(2) == 0 ? "message" : "activity";
                await BreakAsync(step, $"alter table tweet.{table} enable row level security", $"alter table tweet.{table} disable row level security");
                break;
            case 4:
                await BreakAsync(
                    step,
                    "alter table tweet.activity rename to activity_kept; create table tweet.activity (like tweet.activity_kept including all); insert into tweet.activity select * from tweet.activity_kept where id % 2 = 0",
                    "drop table tweet.activity; alter table tweet.activity_kept rename to activity");
                _isSwapped = true;
                break;
            default:
                await BreakAsync(step, "alter view tweet.message_with_counters rename to put_away", "alter view tweet.put_away rename to message_with_counters");
                break;
        }
    }

    /// <summary>Something that the service notices and mends.</summary>
    private async Task ReplaceAsync(int step)
    {
        switch (_random.Next(12))
        {
            case 0:
            case 1:
                await ToggleOldAsync(step);
                break;
            case 2:
                await DoAsync(step, "triggers off and on", "alter table tweet.activity disable trigger user; insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message; alter table tweet.activity enable trigger user");
                break;
            case 3:
                await DoAsync(step, "row security on and off", "alter table tweet.message enable row level security; insert into tweet.activity (messageid, action) select messageid, 'fav' from tweet.message; alter table tweet.message disable row level security");
                break;
            case 4:
                await DoAsync(
                    step,
                    "tables swapped and swapped back",
                    """
                    alter table tweet.activity rename to activity_kept; create table tweet.activity (like tweet.activity_kept including all); insert into tweet.activity select * from tweet.activity_kept;
                    insert into tweet.activity_kept (messageid, action) select messageid, 'rt' from tweet.message; drop table tweet.activity; alter table tweet.activity_kept rename to activity
                    """);
                break;
            case 5:
                await DoAsync(step, "the lease moved back", "select setval('twcache.lease', 1)");
                break;
            case 6:
                await DoAsync(step, "the log's identity renewed", "update twcache.change_identity set id = gen_random_uuid()");
                break;
            case 7:
                await DoAsync(step, "the service's sessions ended", $"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{database.Counts}'");
                break;
            case 8:
                await RestoreAsync(step);
                break;
            case 9:
                await CloneAsync(step);
                break;
            case 10:
                await CopyServerAsync(step);
                break;
            default:
                await PutServerBackAsync(step);
                break;
        }
    }

    private async Task ToggleOldAsync(int step)
    {
        var sql = _isOldAttached ? "alter table tweet.activity detach partition tweet.activity_old" : $"alter table tweet.activity attach partition tweet.activity_old {OldBounds}";
        if (!_isOldAttached)
        {
            // What has come into the default partition meanwhile, and what its message has left behind, is in its way.
            sql = $"delete from tweet.activity where datetime < '2020-01-01'; delete from tweet.activity_old where messageid not in (select messageid from tweet.message); {sql}";
        }

        _isOldAttached = !_isOldAttached;
        await DoAsync(step, _isOldAttached ? "partition attached" : "partition detached", sql);
    }

    private async Task RestoreAsync(int step)
    {
        Count("dump restored");
        await trial.DoAsync($"step {step}: restore", () => PostgresTools.ReplaceSchemasAsync(database, _dump, "tweet", "twcache", "twjobs"));
        _isOldAttached = true;
        await trial.ExactAsync("a restore", Trial.Mends);
    }

    private async Task CloneAsync(int step)
    {
        Count("clone renamed into its place");
        await trial.DoAsync($"step {step}: clone", async () =>
        {
            await database.CloseAsync();
            await database.OnServerAsync($"create database {database.Name}_clone template {database.Name}");
            await database.OpenAgainAsync();
        });
        var sql = HistoryStatements.Some(_random, _isOldAttached);
        await trial.DoAsync($"step {step}: {sql}", () => TryAsync(sql));
        await trial.DoAsync($"step {step}: rename the clone", async () =>
        {
            await database.CloseAsync();
            await database.OnServerAsync($"alter database {database.Name} rename to {database.Name}_old");
            await database.OnServerAsync($"alter database {database.Name}_clone rename to {database.Name}");
            await database.OpenAgainAsync();
            await database.OnServerAsync($"drop database {database.Name}_old with (force)");
        });
        await trial.ExactAsync("a clone's renaming", Trial.MendedByHand);
    }

    private async Task CopyServerAsync(int step)
    {
        Count("data copied");
        var clean = _random.Next(2) == 0;
        await trial.DoAsync($"step {step}: copy the server's data", async () =>
        {
            if (clean)
            {
                await server.StopAsync(immediate: false);
            }

            if (_copy is { } old)
            {
                Directory.Delete(old.Folder, recursive: true);
            }

            _copy = (await server.CopyDataAsync(), _isOldAttached);
            if (clean)
            {
                await server.StartAgainAsync();
            }
        });
        await trial.ExactAsync("a copy", Trial.MendedByHand);
    }

    private async Task PutServerBackAsync(int step)
    {
        if (_copy is not { } copy)
        {
            await CopyServerAsync(step);
            return;
        }

        Count("data put back");
        await trial.DoAsync($"step {step}: put the server's data back", async () =>
        {
            await server.StopAsync(immediate: _random.Next(2) == 0);
            await server.PutBackAsync(copy.Folder);
            await server.StartAgainAsync();
            for (var n = _random.Next(30); n > 0; n--)
            {
                await TryAsync("insert into tweet.activity (messageid, action) select min(messageid), 'rt' from tweet.message");
            }
        });
        _isOldAttached = copy.IsOldAttached;
        await trial.ExactAsync("data put back", Trial.MendedByHand);
    }

    private Task BreakAsync(int step, string sql, string mend) => BreakAsync(step, sql, () => database.ExecuteAsync(mend));

    private async Task BreakAsync(int step, string sql, Func<Task> mendAsync)
    {
        Count($"broken: {string.Join(' ', sql.Split(' ').Take(2))} … {(sql.Contains("trigger", StringComparison.Ordinal) ? "trigger" : sql.Contains("security", StringComparison.Ordinal) ? "row security" : "")}");
        await trial.DoAsync($"step {step}: {sql}", () => RunUntilDoneAsync(sql));
        _broken = (sql, () => RunUntilDoneAsync(mendAsync), step + 1 + _random.Next(StepsUntilMended));
    }

    private async Task DoAsync(int step, string what, string sql)
    {
        Count(what);
        await trial.DoAsync($"step {step}: {what}", () => RunUntilDoneAsync(sql));
        await trial.ExactAsync(what, Trial.MendedByHand);
    }

    /// <summary>A transaction of the application: it may fail, as where rows are missing or somebody else has locked them.</summary>
    private async Task TryAsync(string sql)
    {
        try
        {
            await database.ExecuteAsync(sql);
        }
        catch (PostgresException e) when (e.SqlState[..2] is "23" or "40")
        {
            Count($"transactions failed with {e.SqlState}");
        }
    }

    private Task RunUntilDoneAsync(string sql) => RunUntilDoneAsync(() => database.ExecuteAsync(sql));

    private static Task RunUntilDoneAsync(Func<Task> changeAsync) => Wait.UntilAsync(
        async () =>
        {
            try
            {
                await changeAsync();
                return true;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable)
            {
                return false;
            }
        },
        RunningService.Patience,
        "it is done, without a deadlock");

    private async Task<(string Table, string Name, string Enabled)> ChooseTriggerAsync()
    {
        var all = await database.QueryAsync<string[]>(
            "select array_agg(tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text order by 1) from pg_trigger where tgrelid in ('tweet.activity'::regclass, 'tweet.message'::regclass) and not tgisinternal and tgname like 'twcache%'");
        var parts = all[_random.Next(all.Length)].Split(' ');
        return (parts[0]["tweet.".Length..], parts[1], parts[2] == "A" ? "always" : "");
    }

    private void Count(string what) => _done[what] = _done.GetValueOrDefault(what) + 1;
}
