using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Faults;

/// <summary>A pooler of transactions between the service and the server, where LISTEN, locks of a session and settings of a session do not work.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class PoolerTests
{
    [Test]
    public async Task Pooler_InBetween_IsRecognizedAndLeftAsItWas()
    {
        await using var server = await PrivateServer.StartAsync();
        await using var pooler = await PgBouncer.RequireAsync(server);
        await using (var run = await FaultRun.StartAsync("a pooler in between, restarted", server, () => FaultService.StartHereAsync(pooler.ConnectionString)))
        {
            await Wait.UntilAsync(() => run.Service.HasLogged("Notifications do not arrive"), RunningService.Patience, "the service says so");
            var status = await run.Service.GetStatusAsync();
            Assert.That((status.NotificationsWorking, status.Ringer), Is.EqualTo((false, false)));
            await run.Writers.WriteMoreAsync(200);
            await pooler.RestartAsync();

            await run.EndFaultAsync();
            await run.FinishAsync();
            Assert.That(run.Checker.States.Reloads, Is.Zero);
            await AssertSessionsAreAsTheyWereAsync(pooler);
        }

        Assert.That(await server.QueryAsync<long>("select count(*) from pg_locks where locktype = 'advisory'"), Is.Zero, "no lock is left behind");
        await AssertSessionsAreAsTheyWereAsync(pooler);
    }

    /// <summary>The pooler's sessions with the server are everybody's: nothing of one client's may be left in them.</summary>
    private static async Task AssertSessionsAreAsTheyWereAsync(PgBouncer pooler)
    {
        // What PgBouncer itself sets for each client.
        // What is of one transaction, each begins with anew.
        const string Sql =
            """
            select coalesce(string_agg(name || ' = ' || setting, ', '), '') from pg_settings
             where source = 'session' and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'IntervalStyle')
               and name not like 'transaction\_%'
            """;
        const int Sessions = 8;
        var connections = new List<NpgsqlConnection>();
        try
        {
            for (var n = 0; n < Sessions; n++)
            {
                // In a transaction each keeps a session of its own, so that the next gets another.
                var connection = await pooler.OpenAsync();
                connections.Add(connection);
                await connection.ExecuteAsync("begin");
                Assert.That(await connection.QueryAsync<string>(Sql), Is.Empty, "settings");
                Assert.That(await connection.QueryAsync<long>("select count(*) from pg_listening_channels()"), Is.Zero, "LISTEN");
                Assert.That(await connection.QueryAsync<long>("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"), Is.Zero, "locks");
            }
        }
        finally
        {
            foreach (var connection in connections)
            {
                await connection.DisposeAsync();
            }
        }
    }
}
