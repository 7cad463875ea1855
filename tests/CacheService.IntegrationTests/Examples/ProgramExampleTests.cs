using System.Text.Json.Nodes;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;

namespace CacheService.IntegrationTests.Examples;

/// <summary>The examples that are programs; that in C# is run by <c>PackageTests</c>, with the package of the client library.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class ProgramExampleTests
{
    [Test]
    public async Task Python_WhateverHappens_KnowsWhatTheViewSays()
    {
        using var python = await Python.RequireAsync();
        await ExampleScenario.CheckAsync(address => python.StartInfo([SourceFolder.PathOf("examples/python/counts.py"), address, .. ExampleScenario.MessageIds]));
    }

    [Test]
    public async Task Node_WhateverHappens_KnowsWhatTheViewSays()
    {
        await Node.RequireAsync();
        var folder = TestFolders.NewPath();
        try
        {
            // Modules are found by the folders above a program alone.
            var program = Directory.CreateDirectory(Path.Combine(folder, "examples", "node")).FullName;
            foreach (var name in new[] { "counts.mjs", "package.json" })
            {
                File.Copy(SourceFolder.PathOf($"examples/node/{name}"), Path.Combine(program, name));
            }

            Directory.CreateSymbolicLink(Path.Combine(program, "node_modules"), Node.Modules);
            Directory.CreateSymbolicLink(Path.Combine(folder, "protos"), SourceFolder.PathOf("protos"));
            await ExampleScenario.CheckAsync(address => ForeignProgram.StartInfo("node", [Path.Combine(program, "counts.mjs"), address, .. ExampleScenario.MessageIds]));
        }
        finally
        {
            TestFolders.Delete(folder);
        }
    }

    [Test]
    public void PackageOfTheNodeExample_Always_NamesTheVersionsThatAreTested() =>
        Assert.That(Dependencies("examples/node/package.json"), Is.SubsetOf(Dependencies("tests/CacheService.IntegrationTests/Interop/package.json")));

    private static IEnumerable<string> Dependencies(string file) =>
        JsonNode.Parse(File.ReadAllText(SourceFolder.PathOf(file)))!["dependencies"]!.AsObject().Select(dependency => $"{dependency.Key} {dependency.Value}");
}
