using System.Globalization;
using Npgsql;

namespace CacheService.Jobs.BuiltIn;

/// <summary>
/// Deletes messages that are older than an age, with their activity, in the order of their ids: in batches that are short, so that no writer waits for long, and with pauses.
/// What is locked is passed over and tried again later, so that it never waits for a writer itself. Its cursor says up to which age, and up to which id it has got.
/// </summary>
internal sealed class ExpireMessages(TimeProvider time) : Job
{
    private const string OlderThan = "older_than";
    private const string MaxBatch = "max_batch";
    private const string MaxLoad = "max_load";
    private const int FirstBatch = 50;
    private const int SmallestBatch = 10;
    private const int MostPasses = 5;
    private const int KeptItems = 100;

    /// <summary>What a batch should take: who writes to a message that goes waits for so long.</summary>
    private static readonly TimeSpan AimedAt = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LockedPause = TimeSpan.FromMilliseconds(200);

    private const string CutoffSql = "select clock_timestamp() - $1::text::interval, $1::text::interval > interval '0'";
    private const string PageSql = "select max(messageid)::bigint from (select messageid from tweet.message where messageid > $1 order by messageid limit $2) as page";
    private const string ExpiredSql = "twcache.as_time(datetime) < $1";
    private const string OldSql = $"select messageid::bigint from tweet.message where {ExpiredSql} and messageid > $2 and messageid <= $3 order by messageid";
    private const string DeleteActivitySql = "delete from tweet.activity where messageid = any ($1)";
    private const string DeleteMessagesSql = "delete from tweet.message where messageid = any ($1)";

    // A writer's lock is waited for as briefly as the rest of the service does.
    private const string SettingsSql = "set local lock_timeout = '50ms'; set local enable_seqscan = off; set local jit = off";

    public override string Name => "expire-messages";

    public override string Description => "Deletes messages that are older than an age, with their retweets and likes.";

    public override IReadOnlyList<JobParameter> Parameters =>
    [
        new(OlderThan, "The age, as PostgreSQL writes intervals, such as 90 days. There is no default."),
        new(MaxBatch, "How many messages are looked at in one transaction at most.", "1000"),
        new(MaxLoad, "The share of its time for which the job works; the rest it pauses.", "0.5"),
    ];

    public override bool CanRetry => true;

    public override async Task RunAsync(JobRun run)
    {
        var (maxBatch, maxLoad) = (Number(run, MaxBatch, SmallestBatch, 100_000), Number(run, MaxLoad, 0.01, 1));
        var place = run.Cursor is { } cursor ? Place.Parse(cursor) : await BeginAsync(run);
        if (run.IsDryRun)
        {
            await CountAsync(run, place);
            return;
        }

        var batchSize = Math.Min(FirstBatch, (int)maxBatch);
        while (true)
        {
            var started = time.GetTimestamp();
            var step = await StepAsync(run, place, batchSize);
            if (step is null)
            {
                // Somebody holds a lock on the tables, and comes first.
                await Task.Delay(LockedPause, time, run.Stopping);
                continue;
            }

            var took = time.GetElapsedTime(started);
            place = step;
            if (place.IsAtEnd)
            {
                if (place.Locked == 0)
                {
                    return;
                }

                if (place.Pass == MostPasses)
                {
                    await FailLockedAsync(run, place);
                    return;
                }

                run.Log($"{place.Locked} messages were locked, and are tried again");
                place = place.NextPass();
                await Task.Delay(LockedPause, time, run.Stopping);
                continue;
            }

            batchSize = took > 2 * AimedAt ? Math.Max(SmallestBatch, batchSize / 2) : took < AimedAt ? Math.Min((int)maxBatch, batchSize + (batchSize / 2)) : batchSize;
            await Task.Delay(took * ((1 / maxLoad) - 1), time, run.Stopping);
        }
    }

    public override async Task RetryAsync(JobRun run, string key)
    {
        var messageId = long.Parse(key, CultureInfo.InvariantCulture);
        await run.ItemAsync(key, async batch =>
        {
            await DeleteAsync(batch, [messageId], run.Stopping);
            batch.Done(key);
        });
    }

    /// <summary>Finds out what is too old; it stays the same however long the run takes.</summary>
    private static async Task<Place> BeginAsync(JobRun run)
    {
        var age = run.Parameter(OlderThan);
        if (age.Length == 0)
        {
            throw new JobFailedException($"say how old a message has to be: {OlderThan}, such as 90 days");
        }

        Place place = null!;
        await run.BatchAsync(async batch =>
        {
            try
            {
                await using var cutoff = batch.Command(CutoffSql, new NpgsqlParameter<string> { TypedValue = age });
                await using var reader = await cutoff.ExecuteReaderAsync(run.Stopping);
                await reader.ReadAsync(run.Stopping);
                place = reader.GetBoolean(1)
                    ? new Place(reader.Time(0), long.MinValue, 1, 0, IsAtEnd: false)
                    : throw new JobFailedException($"{OlderThan} is '{age}'; write an age above zero, such as 90 days");
            }
            catch (PostgresException e) when (e.SqlState[..2] == "22")
            {
                throw new JobFailedException($"{OlderThan} is '{age}', which is no interval; write an age such as 90 days", e);
            }

            batch.Cursor = place.ToString();
        });
        run.Log(string.Create(CultureInfo.InvariantCulture, $"messages before {place.Cutoff:u} are too old"));
        return place;
    }

    /// <summary>Deletes what is too old among the next messages.</summary>
    /// <returns>How far that has led; null: a lock was not to be had.</returns>
    private static async Task<Place?> StepAsync(JobRun run, Place place, int batchSize)
    {
        var (next, taken) = (place, Array.Empty<long>());
        try
        {
            await run.BatchAsync(async batch =>
            {
                await using (var settings = batch.Command(SettingsSql))
                {
                    await settings.ExecuteNonQueryAsync(run.Stopping);
                }

                await using var page = batch.Command(PageSql, new NpgsqlParameter<long> { TypedValue = place.After }, new NpgsqlParameter<int> { TypedValue = batchSize });
                if (await page.ExecuteScalarAsync(run.Stopping) is not long last)
                {
                    next = place with { IsAtEnd = true };
                    batch.Cursor = next.ToString();
                    return;
                }

                taken = await OldAsync(batch, place, last, " for update skip locked", run.Stopping);
                var all = await OldAsync(batch, place, last, "", run.Stopping);
                next = place with { After = last, Locked = place.Locked + (all.Length - taken.Length) };
                if (taken.Length > 0)
                {
                    await DeleteAsync(batch, taken, run.Stopping);
                }

                batch.Cursor = next.ToString();
            });
            return next;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
        {
            return null;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation or PostgresErrorCodes.RestrictViolation)
        {
            // Something else refers to one of them.
            await DeleteOneByOneAsync(run, taken, next);
            return next;
        }
    }

    private static async Task DeleteOneByOneAsync(JobRun run, long[] messageIds, Place next)
    {
        foreach (var messageId in messageIds)
        {
            await run.ItemAsync(messageId.ToString(CultureInfo.InvariantCulture), batch => DeleteAsync(batch, [messageId], run.Stopping));
        }

        await run.BatchAsync(batch =>
        {
            batch.Cursor = next.ToString();
            return Task.CompletedTask;
        });
    }

    // The activity first: where no foreign key deletes it with its message it would stay for ever.
    private static async Task DeleteAsync(JobBatch batch, long[] messageIds, CancellationToken stopping)
    {
        await using var activity = batch.Command(DeleteActivitySql, new NpgsqlParameter<long[]> { TypedValue = messageIds });
        batch.Count("deleted_activity", await activity.ExecuteNonQueryAsync(stopping));
        await using var messages = batch.Command(DeleteMessagesSql, new NpgsqlParameter<long[]> { TypedValue = messageIds });
        batch.Count("deleted_messages", await messages.ExecuteNonQueryAsync(stopping));
    }

    private static async Task<long[]> OldAsync(JobBatch batch, Place place, long last, string locking, CancellationToken stopping)
    {
        await using var old = batch.Command(
            OldSql + locking, new NpgsqlParameter<DateTimeOffset> { TypedValue = place.Cutoff }, new NpgsqlParameter<long> { TypedValue = place.After }, new NpgsqlParameter<long> { TypedValue = last });
        await using var reader = await old.ExecuteReaderAsync(stopping);
        var ids = new List<long>();
        while (await reader.ReadAsync(stopping))
        {
            ids.Add(reader.GetInt64(0));
        }

        return [.. ids];
    }

    private static Task CountAsync(JobRun run, Place place) => run.BatchAsync(async batch =>
    {
        await using var count = batch.Command($"select count(*) from tweet.message where {ExpiredSql}", new NpgsqlParameter<DateTimeOffset> { TypedValue = place.Cutoff });
        var messages = (long)(await count.ExecuteScalarAsync(run.Stopping))!;
        batch.Count("would_delete_messages", messages);
        run.Log($"would delete {messages} messages");
    });

    private static Task FailLockedAsync(JobRun run, Place place) => run.BatchAsync(async batch =>
    {
        foreach (var messageId in (await OldAsync(batch, place with { After = long.MinValue }, long.MaxValue, " limit 100", run.Stopping)).Take(KeptItems))
        {
            batch.Fail(messageId.ToString(CultureInfo.InvariantCulture), "somebody held a lock on it, each time that it was tried");
        }
    });

    private static double Number(JobRun run, string name, double least, double most) =>
        double.TryParse(run.Parameter(name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new JobFailedException(string.Create(CultureInfo.InvariantCulture, $"{name} is '{run.Parameter(name)}'; write a number from {least} to {most}"));

    /// <summary>How far a run has got.</summary>
    /// <param name="Cutoff">Messages before it are too old.</param>
    /// <param name="After">Messages up to this id have been looked at.</param>
    /// <param name="Pass">How often it has begun at the first.</param>
    /// <param name="Locked">How many were passed over in this pass.</param>
    /// <param name="IsAtEnd">Whether there is no message any more after it.</param>
    private sealed record Place(DateTimeOffset Cutoff, long After, int Pass, long Locked, bool IsAtEnd)
    {
        public Place NextPass() => this with { After = long.MinValue, Pass = Pass + 1, Locked = 0, IsAtEnd = false };

        public static Place Parse(string text)
        {
            var parts = text.Split(' ');
            return new Place(
                DateTimeOffset.Parse(parts[0], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
                long.Parse(parts[1], CultureInfo.InvariantCulture),
                int.Parse(parts[2], CultureInfo.InvariantCulture),
                long.Parse(parts[3], CultureInfo.InvariantCulture),
                IsAtEnd: false);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Cutoff:O} {After} {Pass} {Locked}");
    }
}
