using System.ComponentModel;
using System.Data;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Interop;

/// <summary>A Python that has gRPC, with stubs that its own tools have made from <c>protos/</c>; runs the programs that lie in this folder.</summary>
internal sealed class Python : IDisposable
{
    private const string InterpreterVariable = "TWCACHE_TEST_PYTHON";

    /// <summary>What a program prints before a statement that it wants to have run.</summary>
    private const string SqlRequest = "sql ";

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(60);
    private static readonly string Programs = Path.Combine(AppContext.BaseDirectory, "Interop");
    private static readonly string Protos = Path.Combine(AppContext.BaseDirectory, "protos");

    private readonly string _interpreter;
    private readonly DirectoryInfo _stubs = Directory.CreateTempSubdirectory("cacheservice-python-");

    private Python(string interpreter) => _interpreter = interpreter;

    /// <summary>Finds the first Python that has gRPC and its tools, and makes the stubs; where there is none, the calling test is ignored.</summary>
    public static async Task<Python> RequireAsync()
    {
        // Debian's packages are for Debian's Python, which need not be the first on PATH.
        string?[] candidates = [Environment.GetEnvironmentVariable(InterpreterVariable), "python3", "/usr/bin/python3"];
        foreach (var candidate in candidates.OfType<string>().Where(candidate => candidate.Length > 0))
        {
            if (await CanImportGrpcAsync(candidate))
            {
                var python = new Python(candidate);
                await python.MakeStubsAsync();
                return python;
            }
        }

        var missing = $"No Python has gRPC: the service is NOT tested with Python's client. Install the packages python3-grpcio and "
            + $"python3-grpc-tools (pip: grpcio and grpcio-tools), or name a Python that has them in {InterpreterVariable}.";
        await TestContext.Progress.WriteLineAsync($"*** SKIPPED: {missing}");
        Assert.Ignore(missing);
        throw new UnreachableException();
    }

    /// <summary>Runs a program of this folder to its end; fails the test, with its output, if a check of its failed or it took too long.</summary>
    /// <param name="program">Its name, without .py.</param>
    /// <param name="database">Where it has statements run, over one connection.</param>
    /// <param name="arguments">Its arguments.</param>
    public async Task RunAsync(string program, TestDatabase database, params string[] arguments)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        using var patience = new CancellationTokenSource(TimeLimit);
        using var process = Start(_interpreter, [Path.Combine(Programs, $"{program}.py"), .. arguments], _stubs.FullName);
        var output = new StringBuilder();
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                output.AppendLine(line);
                if (line.StartsWith(SqlRequest, StringComparison.Ordinal))
                {
                    await process.StandardInput.WriteLineAsync(await RunSqlAsync(connection, line[SqlRequest.Length..], patience.Token));
                    await process.StandardInput.FlushAsync(patience.Token);
                }
            }

            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            End(process);
            Assert.Fail($"{program}.py was ended after {TimeLimit.TotalSeconds} seconds. It said:\n{output}{await errors}");
        }
        catch (PostgresException e)
        {
            End(process);
            Assert.Fail($"the last statement of {program}.py failed: {e.MessageText}. It said:\n{output}{await errors}");
        }
        finally
        {
            End(process);
        }

        // An exit code alone would be right for a program that checked nothing.
        var cameToItsEnd = output.ToString().TrimEnd().EndsWith("\ndone", StringComparison.Ordinal);
        Assert.That((process.ExitCode, cameToItsEnd), Is.EqualTo((0, true)), $"{program}.py said:\n{output}{await errors}");
    }

    public void Dispose() => _stubs.Delete(recursive: true);

    private static async Task<string> RunSqlAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        if (connection.State == ConnectionState.Closed)
        {
            await connection.OpenAsync(cancellationToken);
        }

        await using var command = new NpgsqlCommand(statement, connection);
        return Convert.ToString(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture) ?? "";
    }

    private static async Task<bool> CanImportGrpcAsync(string interpreter)
    {
        try
        {
            return (await RunToEndAsync(interpreter, ["-c", "import grpc, grpc_tools"])).ExitCode == 0;
        }
        catch (Win32Exception)
        {
            // There is no such program.
            return false;
        }
    }

    private async Task MakeStubsAsync()
    {
        // The standard services lie in protos/grpc/. Their stubs must not: in a package "grpc" nobody finds them beside Python's of that name.
        var standard = Path.Combine(Protos, "grpc");
        foreach (var file in Directory.EnumerateFiles(Protos, "*.proto", SearchOption.AllDirectories))
        {
            var root = file.StartsWith(standard + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? standard : Protos;
            string[] options = [$"--proto_path={root}", $"--python_out={_stubs.FullName}", $"--grpc_python_out={_stubs.FullName}"];
            var made = await RunToEndAsync(_interpreter, ["-m", "grpc_tools.protoc", .. options, Path.GetRelativePath(root, file)]);
            Assert.That(made.ExitCode, Is.Zero, $"stubs of {file}: {made.Output}");
        }
    }

    private static async Task<(int ExitCode, string Output)> RunToEndAsync(string interpreter, IEnumerable<string> arguments)
    {
        using var patience = new CancellationTokenSource(TimeLimit);
        using var process = Start(interpreter, arguments, modules: null);
        try
        {
            var output = await Task.WhenAll(
                process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, string.Concat(output));
        }
        finally
        {
            End(process);
        }
    }

    private static Process Start(string interpreter, IEnumerable<string> arguments, string? modules)
    {
        var start = new ProcessStartInfo(interpreter, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string?[] folders = [modules, Environment.GetEnvironmentVariable("PYTHONPATH")];
        start.Environment["PYTHONPATH"] = string.Join(Path.PathSeparator, folders.OfType<string>());
        // Otherwise the programs leave their compiled modules in the folder of the tests.
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["PYTHONUTF8"] = "1";
        // The service is on this machine, whatever proxy there is to others.
        start.Environment["no_grpc_proxy"] = "*";
        return Process.Start(start)!;
    }

    private static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
