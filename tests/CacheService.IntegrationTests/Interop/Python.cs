using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Interop;

/// <summary>A Python that has gRPC, with stubs that its own tools have made from the .proto files; runs the programs that lie in this folder.</summary>
internal sealed class Python : IDisposable
{
    private const string InterpreterVariable = "TWCACHE_TEST_PYTHON";

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
            if ((await ForeignProgram.RunToEndAsync(StartInfo(candidate, ["-c", "import grpc, grpc_tools"], modules: null))).ExitCode == 0)
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
    public Task RunAsync(string program, TestDatabase database, params string[] arguments) => ForeignProgram.RunAsync(
        $"{program}.py", StartInfo([Path.Combine(ForeignProgram.Folder, $"{program}.py"), .. arguments]), database);

    /// <summary>How to start a program that finds the stubs.</summary>
    /// <param name="arguments">Its path, and its arguments.</param>
    public ProcessStartInfo StartInfo(IEnumerable<string> arguments) => StartInfo(_interpreter, arguments, _stubs.FullName);

    public void Dispose() => _stubs.Delete(recursive: true);

    private async Task MakeStubsAsync()
    {
        // The standard services lie in protos/grpc/. Their stubs must not: in a package "grpc" nobody finds them beside Python's of that name.
        var standard = Path.Combine(ForeignProgram.Protos, "grpc");
        foreach (var file in Directory.EnumerateFiles(ForeignProgram.Protos, "*.proto", SearchOption.AllDirectories))
        {
            var root = file.StartsWith(standard + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? standard : ForeignProgram.Protos;
            string[] options = [$"--proto_path={root}", $"--python_out={_stubs.FullName}", $"--grpc_python_out={_stubs.FullName}"];
            var made = await ForeignProgram.RunToEndAsync(StartInfo(_interpreter, ["-m", "grpc_tools.protoc", .. options, Path.GetRelativePath(root, file)], modules: null));
            Assert.That(made.ExitCode, Is.Zero, $"stubs of {file}: {made.Output}");
        }
    }

    private static ProcessStartInfo StartInfo(string interpreter, IEnumerable<string> arguments, string? modules)
    {
        var start = ForeignProgram.StartInfo(interpreter, arguments);
        string?[] folders = [modules, Environment.GetEnvironmentVariable("PYTHONPATH")];
        start.Environment["PYTHONPATH"] = string.Join(Path.PathSeparator, folders.OfType<string>());
        // Otherwise the programs leave their compiled modules in the folder of the tests.
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["PYTHONUTF8"] = "1";
        return start;
    }
}
