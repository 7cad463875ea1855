using System.Net;
using System.Net.Sockets;
using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.IntegrationTests.Postgres.Embedded;

/// <summary>Each error is one line that says what to do.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.Self)]
[TestFixture]
public sealed class EmbeddedPostgresErrorTests : EmbeddedFixture
{
    [Test]
    public async Task Start_FolderInUse_NamesTheProcessThatUsesIt()
    {
        await using var server = await StartAsync();

        var failure = await StartFailsAsync();

        Assert.That(
            failure.Message,
            Does.StartWith($"another CacheService (pid {Environment.ProcessId}) is using the data folder {Layout.Root}"));
        Assert.That(await ScalarAsync(server, "select 1"), Is.EqualTo(1), "undisturbed");
    }

    [Test]
    public async Task Start_NoProgramsInPgHome_NamesItAndThePackage()
    {
        var empty = Directory.CreateTempSubdirectory("cacheservice-empty-");
        try
        {
            var failure = await StartFailsAsync(pgHome: empty.FullName);

            Assert.That(failure.Message, Does.Contain(empty.FullName).And.Contain("apt-get install postgresql"));
        }
        finally
        {
            empty.Delete();
        }
    }

    [Test]
    public async Task Find_NoProgramsAnywhere_NamesThePackages()
    {
        var failure = await Assert.ThrowsAsync<EmbeddedPostgresException>(
            () => PostgresBinaries.FindAsync(pgHome: null, path: "", places: [], preferredVersion: null, CancellationToken.None));

        Assert.That(
            failure!.Message, Does.Contain("apt-get install postgresql").And.Contain("dnf").And.Contain("brew").And.Contain("PG_HOME"));
    }

    [Test]
    public async Task Start_DataOfAnotherVersion_NamesBoth()
    {
        await (await StartAsync()).StopAsync();
        var version = Layout.ClusterVersion;
        await File.WriteAllTextAsync(Path.Combine(Layout.Cluster, "PG_VERSION"), "9\n");

        var failure = await StartFailsAsync();

        Assert.That(
            failure.Message, Does.Contain("is of PostgreSQL 9").And.Contain($"are of {version}").And.Contain("Embedded:PgHome"));
    }

    [Test]
    public async Task Start_ServerRefusesToStart_SaysWhyAndWhereItsLogIs()
    {
        var failure = await StartFailsAsync(settings: new() { ["max_connections"] = "many" });

        Assert.That(
            failure.Message,
            Does.StartWith("PostgreSQL did not start: invalid value for parameter \"max_connections\"").And.Contain(Layout.LogFile));
    }

    [Test]
    public async Task Start_PortTaken_SaysSo()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();

        var failure = await StartFailsAsync(port: ((IPEndPoint)other.LocalEndpoint).Port);

        Assert.That(failure.Message, Does.Contain("could not bind").And.Contain(Layout.LogFile));
    }

    [Test]
    public async Task Start_PasswordFileLost_SaysSo()
    {
        await (await StartAsync()).StopAsync();
        File.Delete(Layout.PassFile);

        Assert.That((await StartFailsAsync()).Message, Does.Contain(Layout.PassFile));
    }

    [Test]
    public async Task Start_PathThatAShellWouldInterpret_IsRefused()
    {
        var options = new EmbeddedOptions { DataDirectory = Layout.Root + "/$(reboot)" };

        await Assert.ThrowsAsync<EmbeddedPostgresException>(
            () => EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None));
    }
}
