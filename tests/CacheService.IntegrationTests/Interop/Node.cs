using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Interop;

/// <summary>A Node.js that has gRPC; runs the programs that lie in this folder.</summary>
internal static class Node
{
    private const string ModulesVariable = "TWCACHE_TEST_NODE_MODULES";

    /// <summary>The folder node_modules that has what <c>package.json</c> names.</summary>
    public static string Modules => ModulesFolders.First(Directory.Exists);

    private static IEnumerable<string> ModulesFolders =>
        new[] { Environment.GetEnvironmentVariable(ModulesVariable), Environment.GetEnvironmentVariable("NODE_PATH") }.OfType<string>().Where(folder => folder.Length > 0);

    /// <summary>Sees that Node.js is there and has what <c>package.json</c> names; where it is not, the calling test is ignored.</summary>
    public static async Task RequireAsync()
    {
        if ((await ForeignProgram.RunToEndAsync(StartInfo(["-e", "require('@grpc/grpc-js'); require('@grpc/proto-loader')"]))).ExitCode != 0)
        {
            var missing = "No Node.js has gRPC: the service is NOT tested with its client. Install Node.js and what Interop/package.json names, "
                + $"and name the folder node_modules in {ModulesVariable}.";
            await TestContext.Progress.WriteLineAsync($"*** SKIPPED: {missing}");
            Assert.Ignore(missing);
        }
    }

    /// <summary>Runs a program of this folder to its end; fails the test, with its output, if a check of its failed or it took too long.</summary>
    /// <param name="program">Its name, without .js.</param>
    /// <param name="database">Where it has statements run, over one connection.</param>
    /// <param name="arguments">Its arguments, after the folder of the .proto files.</param>
    public static Task RunAsync(string program, TestDatabase database, params string[] arguments) => ForeignProgram.RunAsync(
        $"{program}.js", StartInfo([Path.Combine(ForeignProgram.Folder, $"{program}.js"), ForeignProgram.Protos, .. arguments]), database);

    private static ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        var start = ForeignProgram.StartInfo("node", arguments);
        start.Environment["NODE_PATH"] = string.Join(Path.PathSeparator, ModulesFolders);
        return start;
    }
}
