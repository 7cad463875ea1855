using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.Versioning;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace CacheService.IntegrationTests.Postgres.Embedded;

// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.Self)]
[TestFixture]
[UnsupportedOSPlatform("windows")]
public sealed class EmbeddedPostgresTests : EmbeddedFixture
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Test]
    public async Task Start_FirstTime_ServesAnEmptyDatabase()
    {
        await using var server = await StartAsync();

        Assert.That(await ScalarAsync(server, "select current_database()::text"), Is.EqualTo("tweet"));
        Assert.That(await ScalarAsync(server, "select count(*) from pg_tables where schemaname = 'public'"), Is.Zero);
    }

    [Test]
    public async Task Start_AfterStop_KeepsDataAndPort()
    {
        int port;
        await using (var server = await StartAsync())
        {
            port = server.Port;
            await ScalarAsync(server, "create table kept (n int); insert into kept values (42)");
        }

        Assert.That(Pid, Is.Null, "stopped");
        await using var again = await StartAsync();

        Assert.That(await ScalarAsync(again, "select n from kept"), Is.EqualTo(42));
        Assert.That(again.Port, Is.EqualTo(port));
    }

    [Test]
    public async Task Restart_Immediate_EmptiesUnloggedTablesOnly()
    {
        await using var server = await StartAsync();
        await ScalarAsync(server, "create unlogged table u (n int); insert into u values (1); create table l (n int); insert into l values (1)");

        await server.RestartAsync(immediate: true, CancellationToken.None);

        Assert.That(await ScalarAsync(server, "select count(*) from u"), Is.Zero);
        Assert.That(await ScalarAsync(server, "select count(*) from l"), Is.EqualTo(1));
    }

    [Test]
    public async Task Start_Always_ListensOnLoopbackAndItsOwnSocketOnly()
    {
        await using var server = await StartAsync();

        var addresses = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners()
            .Where(listener => listener.Port == server.Port)
            .Select(listener => listener.Address);
        Assert.That(addresses, Is.EqualTo(new[] { IPAddress.Loopback }));
        Assert.That(await ScalarAsync(server, "show unix_socket_directories"), Is.EqualTo(Layout.SocketFolder));
    }

    [Test]
    public async Task Start_Always_KeepsSecretsFromOthers()
    {
        await using var server = await StartAsync();

        Assert.That(File.GetUnixFileMode(Layout.PassFile), Is.EqualTo(OwnerOnly));
        Assert.That(File.GetUnixFileMode(Layout.ConnectionString), Is.EqualTo(OwnerOnly));
        Assert.That(await File.ReadAllTextAsync(Layout.ConnectionString), Is.EqualTo(server.ConnectionString + "\n"));
        Assert.That(File.Exists(Layout.InitialPassword), Is.False);
        Assert.That(
            await ScalarAsync(server, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules"),
            Is.EqualTo("scram-sha-256"), "no way in without the password");
        Assert.That(
            await ScalarAsync(server, "select bool_and(rolpassword like 'SCRAM-SHA-256$%') from pg_authid where rolcanlogin"), Is.True);
    }

    [Test]
    public async Task Start_PathTooLongForASocket_PutsItElsewhere()
    {
        var longer = new DataLayout(Path.Combine(Layout.Root, new string('a', 120)));
        Directory.CreateDirectory(Layout.Root);
        var options = new EmbeddedOptions { DataDirectory = longer.Root };

        string folder;
        await using (var server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None))
        {
            folder = (string)(await ScalarAsync(server, "show unix_socket_directories"))!;
            Assert.That(Directory.Exists(folder));
            Assert.That(File.GetUnixFileMode(folder), Is.EqualTo(OwnerOnly | UnixFileMode.UserExecute));
        }

        Assert.That(folder, Has.Length.LessThan(100));
        Assert.That(Directory.Exists(folder), Is.False, "removed at the stop");
    }

    [Test]
    public async Task PsqlCommand_InAShell_ConnectsWithoutShowingThePassword()
    {
        await using var server = await StartAsync();
        var password = (await File.ReadAllTextAsync(Layout.PassFile)).Trim().Split(':')[^1];

        var result = await Command.RunAsync(["sh", "-c", $"{server.PsqlCommand} -Atc 'select 6 * 7'"], TimeSpan.FromSeconds(20), default);

        Assert.That(result.Output.Trim(), Is.EqualTo("42"));
        Assert.That(await File.ReadAllTextAsync(Layout.Psql), Does.Not.Contain(password));
    }

    [Test]
    public async Task Start_OnLinux_GivesTheServerASessionOfItsOwn()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("/proc is Linux's.");

        await using var server = await StartAsync();

        // "pid (postgres) state ppid pgrp session …": a Ctrl-C goes to the terminal's foreground group.
        var fields = (await File.ReadAllTextAsync($"/proc/{Pid}/stat")).Split(") ")[1].Split(' ');
        Assert.That(fields[3], Is.EqualTo($"{Pid}"));
    }

    [Test]
    public async Task Stop_ServerDoesNotEndInTime_IsCutOff()
    {
        var logger = new RecordingLogger();
        var settings = new Dictionary<string, string> { ["archive_mode"] = "on", ["archive_command"] = "sleep 60" };
        var server = await StartAsync(logger: logger, settings: settings);
        // A clean stop waits for the archiver.
        await ScalarAsync(server, "select pg_switch_wal()");

        await server.StopAsync();

        Assert.That(Pid, Is.Null);
        Assert.That(logger.Events, Does.Contain("StopTimedOut"));
        await (await StartAsync()).StopAsync();
    }
}
