using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>A dump that is restored under the running service: within the lease, so that consumer, identity and lease come back with the data.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class RestoreTests
{
    [TestCase("", "--clean", "--if-exists", TestName = "Restore_Clean_IsNoticed")]
    [TestCase("", "--clean", "--if-exists", "--single-transaction", TestName = "Restore_CleanInOneTransaction_IsNoticed")]
    [TestCase("", "--clean", "--if-exists", "--schema=tweet", TestName = "Restore_OfTheApplicationAlone_IsNoticed")]
    [TestCase("truncate tweet.activity", "--data-only", "--schema=tweet", "--table=activity", TestName = "Restore_OfTheActivityOfATruncatedTable_IsExact")]
    [TestCase("truncate tweet.activity", "--data-only", "--schema=tweet", "--table=activity", "--disable-triggers", TestName = "Restore_OfActivityWithTriggersDisabled_IsNoticed")]
    [TestCase("delete from tweet.activity", "--data-only", "--schema=tweet", "--table=activity", "--disable-triggers", "--single-transaction", TestName = "Restore_OfActivityInOneTransactionWithTriggersDisabled_IsNoticed")]
    [TestCase("delete from twcache.consumer", "--data-only", "--schema=twcache", "--table=consumer", TestName = "Restore_OfConsumersAlone_IsNoticed")]
    public async Task Restore_UnderTheService_IsNoticed(string before, params string[] arguments)
    {
        var file = Path.GetTempFileName();
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await PostgresTools.DumpAsync(database, file);

        // What the dump lacks, and what it has and the database not.
        await trial.DoExactlyAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (1, 'fav'), (2, 'fav')");
        await trial.DoExactlyAsync("delete from tweet.message where messageid = 5");
        await trial.DoExactlyAsync("insert into tweet.message (userid, message) select userid, 'new' from tweet.users");
        if (before.Length > 0)
        {
            await trial.DoAsync(before);
        }

        if (Array.Exists(arguments, argument => argument == "--table=activity"))
        {
            // A row of an unknown message does not go in.
            await trial.DoAsync("insert into tweet.message (messageid, userid, message) select 5, userid, 'back' from tweet.users");
        }

        await trial.DoAsync($"pg_restore {string.Join(' ', arguments)}", () => PostgresTools.RestoreAsync(database, file, arguments));
        await trial.ExactAsync($"pg_restore {string.Join(' ', arguments)}", Trial.Mends);
        for (var n = 0; n < 3; n++)
        {
            await trial.RetweetAsync();
            await trial.ExactAsync("a retweet after the restore", Trial.Mends);
        }

        await trial.FinishAsync();
        File.Delete(file);
    }

    [Test]
    public async Task Restore_OfThePlumbingAlone_IsToldUntilTheTriggersAreBack()
    {
        var file = Path.GetTempFileName();
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        await PostgresTools.DumpAsync(database, file, "--schema=twcache");
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);

        // With the schema go the triggers, which its dump does not have: they belong to the application's tables.
        await trial.DoAsync("drop schema twcache cascade, and restore it", async () =>
        {
            await database.ExecuteAsync("drop schema twcache cascade");
            await PostgresTools.RestoreAsync(database, file);
        });
        await trial.RetweetAsync();
        await trial.ToldOrMendedAsync("twcache");
        await trial.DoAsync("apply sql/ again", database.ApplySchemaAsync);

        await trial.ExactAsync("sql/ applied again", Trial.MendedByHand);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
        File.Delete(file);
    }

    [Test]
    public async Task Restore_BesideAWriter_IsNoticed()
    {
        var file = Path.GetTempFileName();
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);
        await PostgresTools.DumpAsync(database, file);

        for (var n = 0; n < 2; n++)
        {
            await trial.RetweetAsync();
            await trial.DoAsync("pg_restore beside writers", async () =>
            {
                using var stopping = new CancellationTokenSource();
                var writing = Task.Run(() => WriteAsync(database, stopping.Token));
                // In one transaction, so that no writer sees half of it; where the writer and it lock each other out, again.
                await PostgresTools.ReplaceAsync(database, file);
                await stopping.CancelAsync();
                await writing;
            });
            await trial.ExactAsync("pg_restore beside writers", Trial.Mends);
        }

        await trial.FinishAsync();
        File.Delete(file);
    }

    /// <summary>Inserts for as long as it is let; while the tables are away it fails, and goes on.</summary>
    private static async Task WriteAsync(TrialDatabase database, CancellationToken stopping)
    {
        await using var connection = await database.OpenAsync();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await connection.ExecuteAsync("insert into tweet.activity (messageid, action) select messageid, 'rt' from tweet.message order by random() limit 1");
            }
            catch (Npgsql.PostgresException)
            {
                // No such table, for a moment; or a deadlock with the restore.
            }
        }
    }
}
