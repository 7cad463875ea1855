using System.Diagnostics;
using System.Net.Sockets;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>nginx before a service, as it comes: it buffers answers unless they say otherwise.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly string _folder;
    private readonly Process _process;

    private Nginx(string folder, Process process, int port)
    {
        (_folder, _process) = (folder, process);
        Address = new Uri($"http://127.0.0.1:{port}");
    }

    public Uri Address { get; }

    /// <summary>Starts one; where there is none to start, the calling test is ignored, and says so.</summary>
    /// <param name="target">The service.</param>
    public static async Task<Nginx> RequireAsync(Uri target)
    {
        var program = await InstalledProgram.RequireAsync("events are NOT tested behind a proxy that buffers", "nginx");
        var (user, folder, port) = (ServerUser.Current(), TestFolders.NewPath(), LoopbackPort.ChooseNew());
        OwnedFile.CreateFolder(folder, passable: !user.IsSelf);
        await user.OwnAsync(folder, CancellationToken.None);
        var configuration = Path.Combine(folder, "nginx.conf");
        await OwnedFile.WritePublicAsync(
            configuration,
            $$"""
            daemon off;
            pid {{folder}}/pid;
            error_log stderr;
            events {}
            http {
              access_log off;
              client_body_temp_path {{folder}}/body;
              proxy_temp_path {{folder}}/proxy;
              fastcgi_temp_path {{folder}}/fastcgi;
              uwsgi_temp_path {{folder}}/uwsgi;
              scgi_temp_path {{folder}}/scgi;
              server {
                listen 127.0.0.1:{{port}};
                location / {
                  proxy_pass {{target.GetLeftPart(UriPartial.Authority)}};
                  proxy_http_version 1.1;
                }
              }
            }

            """,
            CancellationToken.None);
        var command = user.Command(program, "-c", configuration, "-p", folder, "-e", "stderr");
        var nginx = new Nginx(folder, Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = "/" })!, port);
        await Wait.UntilAsync(nginx.ListensAsync, RunningService.Patience, "nginx listens");
        return nginx;
    }

    public async ValueTask DisposeAsync()
    {
        // Its workers end with it.
        await ProcessSignals.SendAsync("TERM", ProcessSignals.WithDescendants(_process.Id));
        await _process.WaitForExitAsync();
        _process.Dispose();
        TestFolders.Delete(_folder);
    }

    private async Task<bool> ListensAsync()
    {
        Assert.That(_process.HasExited, Is.False, "nginx runs");
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(Address.Host, Address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
