using CacheService.IntegrationTests.AnyDatabase;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Series;

/// <summary>"Data Modification Language": delete but keep a few rows, by a new table that takes the place of the old one.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class KeepAFewRowsTests
{
    private const string Fill =
        """
        create table tweet.activity_new (like tweet.activity including all);
        insert into tweet.activity_new select * from tweet.activity where messageid <= 2;
        """;

    private const string Rename = "alter table tweet.activity_new rename to activity";

    [Test]
    public async Task Swap_AsPrinted_IsRefused_AndChangesNothing()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        PostgresException? refused = null;
        await trial.DoAsync("the swap", async () =>
            refused = await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync($"{Fill} drop table tweet.activity; {Rename}")));

        Assert.That(refused!.SqlState, Is.EqualTo(PostgresErrorCodes.DependentObjectsStillExist));
        await trial.ExactAsync("the swap", Trial.Mends);
        await trial.RetweetAsync();
        await trial.ExactAsync("a retweet", Trial.Mends);
        await trial.FinishAsync();
    }

    [Test]
    public async Task Swap_WithCascade_TakesTheViewAway_AndIsTold()
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        await trial.DoAsync($"{Fill} drop table tweet.activity cascade; {Rename}");
        // By the application, which no trigger of the new table records.
        await trial.DoAsync("insert into tweet.activity (id, messageid, action) select 1000 + messageid, messageid, 'rt' from tweet.message");
        await trial.ToldAsync("tweet.activity", "message_with_counters");
        await trial.DoAsync("sql/ applied again", database.ApplySchemaAsync);

        await trial.ExactAsync("sql/ applied again", Trial.MendedByHand);
        await trial.DoAsync("insert into tweet.activity (id, messageid, action) select 2000 + messageid, messageid, 'fav' from tweet.message");
        await trial.ExactAsync("a like", Trial.Mends);
        await trial.FinishAsync();
    }
}
