using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Postgres.Embedded;

/// <summary>Whatever state a crash leaves behind, the next start works and keeps the data.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.Self)]
[TestFixture]
public sealed class EmbeddedPostgresCrashTests : EmbeddedFixture
{
    [Test]
    public async Task Start_AfterTheServiceWasKilled_ReplacesTheServerItLeft()
    {
        var crashed = await StartAsync();
        await ScalarAsync(crashed, "create table kept (n int); insert into kept values (42)");
        var left = Pid;
        crashed.Abandon();

        var logger = new RecordingLogger();
        await using var server = await StartAsync(logger: logger);

        Assert.That(await ScalarAsync(server, "select n from kept"), Is.EqualTo(42));
        Assert.That(Pid, Is.Not.EqualTo(left));
        Assert.That(server.Port, Is.EqualTo(crashed.Port));
        Assert.That(logger.Events, Does.Contain("StoppingOrphan"));
    }

    [Test]
    public async Task Start_AfterServiceAndServerWereKilled_Recovers()
    {
        var crashed = await StartAsync();
        await ScalarAsync(crashed, "create table kept (n int); insert into kept values (42)");
        using (var postmaster = Process.GetProcessById(Pid!.Value))
            postmaster.Kill();
        crashed.Abandon();

        await using var server = await StartAsync();

        Assert.That(await ScalarAsync(server, "select n from kept"), Is.EqualTo(42));
    }

    [Test]
    public async Task Start_PidFileNamesAStranger_LeavesTheStrangerAlone()
    {
        await (await StartAsync()).StopAsync();

        // A process of the server's own user: for PostgreSQL reason enough to refuse.
        var command = ServerUser.Current().Command("sleep", "60");
        using var stranger = Process.Start(command[0], command[1..]);
        try
        {
            await File.WriteAllTextAsync(PostmasterPid.PathIn(Layout.Cluster), $"{stranger.Id}\n{Layout.Cluster}\n1\n1\n\n\n\n");

            await using var server = await StartAsync();

            Assert.That(stranger.HasExited, Is.False);
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Test]
    public async Task Start_AfterInitWasKilled_StartsAfresh()
    {
        // Another layout, another name: as left by another process.
        var unfinished = new DataLayout(Layout.Root).UnfinishedCluster;
        Directory.CreateDirectory(Path.Combine(unfinished, "base"));
        await File.WriteAllTextAsync(Path.Combine(unfinished, "PG_VERSION"), "15\n");
        await File.WriteAllTextAsync(Layout.InitialPassword, "left");

        await using var server = await StartAsync();

        Assert.That(await ScalarAsync(server, "select 1"), Is.EqualTo(1));
        Assert.That(Directory.Exists(unfinished), Is.False);
        Assert.That(File.Exists(Layout.InitialPassword), Is.False);
    }

    [Test]
    public async Task Start_Cancelled_LeavesNothingInTheWayOfTheNext()
    {
        using var cancellation = new CancellationTokenSource();
        var logger = new RecordingLogger(name => cancellation.CancelAfter(name == "Initializing" ? TimeSpan.Zero : Timeout.InfiniteTimeSpan));

        await Assert.CatchAsync<OperationCanceledException>(() => StartAsync(logger: logger, cancellationToken: cancellation.Token));

        Assert.That(Pid, Is.Null);
        await using var server = await StartAsync();
        Assert.That(await ScalarAsync(server, "select 1"), Is.EqualTo(1));
    }
}
