namespace CacheService.IntegrationTests.AnyDatabase;

/// <summary>Hands in the plumbing: the lease moved, the log emptied.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class LogTamperedTests
{
    [TestCase("select setval('twcache.lease', 1)", TestName = "Lease_MovedBack_IsNoticed")]
    [TestCase("select setval('twcache.lease', 0)", TestName = "Lease_Ended_IsNoticed")]
    [TestCase("drop sequence twcache.lease; create sequence twcache.lease minvalue 0 start 0; grant select on twcache.lease to twcache_reader", TestName = "Lease_MadeAgain_IsNoticed")]
    [TestCase("begin; insert into tweet.activity (messageid, action) values (2, 'rt'); truncate twcache.change; commit", TestName = "Log_TruncatedWithAChange_IsNoticed")]
    [TestCase("begin; truncate twcache.change, twcache.consumer, twcache.change_identity; commit", TestName = "Plumbing_Truncated_IsNoticed")]
    [TestCase("delete from twcache.consumer", TestName = "Consumers_Deleted_IsNoticed")]
    [TestCase("update twcache.change_identity set id = gen_random_uuid()", TestName = "Identity_Renewed_IsNoticed")]
    public async Task Plumbing_Tampered_IsNoticed(string sql)
    {
        await using var database = await TrialDatabase.CreateAsync();
        await using var trial = await Trial.StartAsync(database);

        for (var n = 0; n < 2; n++)
        {
            await trial.DoAsync(sql);
            // Before any heartbeat: nobody has recorded these if the lease is over.
            await trial.RetweetAsync();
            await trial.RetweetAsync();
            await trial.ToldOrMendedAsync("twcache.lease", "twcache.lapse", "twcache");
            await trial.ExactAsync(sql, Trial.MendedByHand);
        }

        await trial.FinishAsync();
    }
}
