using System.Diagnostics;
using System.Text;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>The service as a process of its own, as its user starts it.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private ServiceProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) =>
        {
            Append(line.Data);
            lock (_error)
            {
                _error.AppendLine(line.Data);
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>What it has printed.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>What it has printed to stderr.</summary>
    public string Error
    {
        get
        {
            lock (_error)
            {
                return _error.ToString();
            }
        }
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Starts it; on free ports unless the settings name others.</summary>
    public static ServiceProcess Start(params string[] settings) => Start([], [], settings);

    /// <summary>Starts it with variables in its environment, and by another program, such as nohup.</summary>
    public static ServiceProcess Start(string[] by, (string Name, string Value)[] environment, params string[] settings)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "CacheService.dll");
        var dotnet = Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet";
        return StartCommand([.. by, dotnet, program, "--Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:0", "--Kestrel:Endpoints:Http:Url=http://127.0.0.1:0", .. settings], environment);
    }

    /// <summary>Starts it by a command, with variables in its environment.</summary>
    public static ServiceProcess StartCommand(string[] command, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ServiceProcess(Process.Start(start)!);
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit code, and all that it printed.</returns>
    public async Task<(int ExitCode, string Output)> WaitForExitAsync()
    {
        using var patience = new CancellationTokenSource(RunningService.Patience);
        await _process.WaitForExitAsync(patience.Token);
        return (_process.ExitCode, Output);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Append(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
