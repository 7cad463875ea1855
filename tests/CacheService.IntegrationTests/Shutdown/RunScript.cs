using System.Diagnostics;
using System.Text;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Shutdown;

/// <summary>A run of run.sh with a data folder and addresses of its own. What it leaves running is gone when it is disposed.</summary>
internal sealed class RunScript : IAsyncDisposable
{
    // Several programs start one after the other, and a cluster of databases is made.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _folder;
    private readonly Process _process;
    private readonly StringBuilder _printed = new();

    private RunScript(string folder, Process process)
    {
        _folder = folder;
        _process = process;
        process.OutputDataReceived += Append;
        process.ErrorDataReceived += Append;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The settings that say where the service is.</summary>
    public required string[] Addresses { get; init; }

    public int Id => _process.Id;

    /// <summary>What it and its children have printed.</summary>
    public string Printed
    {
        get
        {
            lock (_printed)
            {
                return _printed.ToString();
            }
        }
    }

    /// <summary>Starts it, by another program where <paramref name="by"/> names one.</summary>
    public static RunScript Start(string[] by, params string[] settings)
    {
        var folder = TestFolders.NewPath();
        string[] addresses =
        [
            $"--Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:{LoopbackPort.ChooseNew()}", $"--Kestrel:Endpoints:Http:Url=http://127.0.0.1:{LoopbackPort.ChooseNew()}",
        ];
        string[] command = [.. by, SourceFolder.PathOf("run.sh"), $"--Embedded:DataDirectory={folder}", .. addresses, .. settings];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
#if !DEBUG
        // What was built for the tests is what it runs.
        start.Environment["CACHESERVICE_NO_BUILD"] = "1";
#endif
        return new RunScript(folder, Process.Start(start)!) { Addresses = addresses };
    }

    /// <summary>Waits until the demo goes on.</summary>
    public Task UntilDemoAsync() => UntilPrintedAsync("Ctrl-C stops it all");

    /// <summary>Waits until it or one of its children has printed that.</summary>
    public async Task UntilPrintedAsync(string text)
    {
        await Wait.UntilAsync(() => Printed.Contains(text, StringComparison.Ordinal) || _process.HasExited, Patience, $"it prints '{text}'");
        Assert.That(Printed, Does.Contain(text));
    }

    /// <summary>The script, the service, the demo and PostgreSQL, as far as they run: all are told of the data folder.</summary>
    public int[] Processes() => ProcessSignals.WithInCommandLine(_folder);

    /// <summary>The one of them that is that program.</summary>
    public int ProcessOf(string program) => Processes().Intersect(ProcessSignals.WithInCommandLine(program)).Single();

    /// <summary>Waits until none of them runs.</summary>
    /// <returns>The script's exit code.</returns>
    public async Task<int> UntilAllHaveEndedAsync()
    {
        await Wait.UntilAsync(() => Processes().Length == 0, Patience, "all have ended");
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await ProcessSignals.SendAsync("KILL", Processes());
        await Wait.UntilAsync(() => Processes().Length == 0, Patience, "all are gone");
        _process.Dispose();
        TestFolders.Delete(_folder);
    }

    private void Append(object sender, DataReceivedEventArgs line)
    {
        lock (_printed)
        {
            _printed.AppendLine(line.Data);
        }
    }
}
