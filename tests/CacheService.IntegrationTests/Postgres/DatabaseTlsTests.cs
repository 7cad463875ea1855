using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.IntegrationTests.Tool;
using Npgsql;

namespace CacheService.IntegrationTests.Postgres;

/// <summary>TLS to the database: where it fails, the service and the command line say which check did, and which setting to look at.</summary>
// Beside other fixtures: it waits more than it works, for servers of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class DatabaseTlsTests
{
    [Test]
    public async Task Tls_ThatFails_SaysWhichCheckDid()
    {
        using var files = new TestCertificates();
        using var others = new TestCertificates();
        await using var server = await PrivateServer.StartAsync();
        var good = files.IssueServer("db");
        await UseAsync(server, good);
        var trusting = $"SSL Mode=VerifyFull;Root Certificate={files.AuthorityFile}";
        await AssertConnectsAsync(server, trusting);

        await AssertFailsAsync(server, $"SSL Mode=VerifyFull;Root Certificate={others.AuthorityFile}", "authority", "Root Certificate");
        await AssertFailsAsync(server, "SSL Mode=VerifyCA", "authority", "Root Certificate");
        await AssertFailsAsync(server, "SSL Mode=VerifyFull", "authority", "Root Certificate");
        await AssertFailsAsync(server, $"SSL Mode=VerifyCA;Root Certificate={files.ServerKeyFile}", "Root Certificate");

        await UseAsync(server, files.IssueServer("expired", hasExpired: true));
        await AssertFailsAsync(server, trusting, "expired on", "renew");
        await UseAsync(server, files.IssueServer("other", host: "db.example"));
        await AssertFailsAsync(server, trusting, "is for db.example, not for 127.0.0.1", "VerifyCA");
        await AssertConnectsAsync(server, $"SSL Mode=VerifyCA;Root Certificate={files.AuthorityFile}");

        await server.ExecuteAsync("alter system set ssl = off");
        await server.ExecuteAsync("select pg_reload_conf()");
        await Wait.UntilAsync(async () => await server.QueryAsync<string>("show ssl") == "off", RunningService.Patience, "TLS is off");
        await AssertFailsAsync(server, "SSL Mode=Require", "the server offers none", "SSL Mode");
    }

    private static async Task UseAsync(PrivateServer server, (string Certificate, string Key) pair)
    {
        var certificate = await File.ReadAllTextAsync(pair.Certificate);
        await server.UseTlsAsync(certificate, await File.ReadAllTextAsync(pair.Key));
        var requiring = new NpgsqlConnectionStringBuilder(server.ConnectionString) { SslMode = SslMode.Require };
        await Wait.UntilAsync(
            async () =>
            {
                var shown = "";
                await using var connection = new NpgsqlConnection(requiring.ConnectionString);
                connection.SslClientAuthenticationOptionsCallback = tls => tls.RemoteCertificateValidationCallback = (_, seen, _, _) =>
                {
                    shown = ((System.Security.Cryptography.X509Certificates.X509Certificate2)seen!).ExportCertificatePem();
                    return shown.Length > 0;
                };
                try
                {
                    await connection.OpenAsync();
                }
                catch (NpgsqlException)
                {
                    return false;
                }

                return certificate.Trim() == shown.Trim();
            },
            RunningService.Patience,
            "the server shows its certificate");
    }

    private static async Task AssertConnectsAsync(PrivateServer server, string tls)
    {
        await using var service = await RunningService.StartAsync($"{server.ConnectionString};{tls}");
        var run = await ToolRun.RunAsync("load-cast", "--connection", $"{server.ConnectionString};{tls}");
        Assert.That(run.ExitCode, Is.Zero, run.Error);
    }

    private static async Task AssertFailsAsync(PrivateServer server, string tls, params string[] words)
    {
        await using var service = await RunningService.StartWithoutWaitingAsync($"{server.ConnectionString};{tls}");
        await Wait.UntilAsync(() => service.StartFailure is not null, RunningService.Patience, $"the service gives up with {tls}: {service.Status.Condition.Detail}");
        var run = await ToolRun.RunAsync("load-cast", "--connection", $"{server.ConnectionString};{tls}");
        Assert.That(run.ExitCode, Is.EqualTo(1));
        foreach (var word in words)
        {
            Assert.That(service.StartFailure, Does.Contain(word));
            Assert.That(run.Error, Does.Contain(word));
        }
    }
}
