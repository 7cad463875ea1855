using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;
using CacheService.IntegrationTests.Examples;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The packages that <c>dotnet pack</c> makes, installed from their folder and used.</summary>
// Beside other fixtures: it waits more than it works, for processes of its own.
[Parallelizable(ParallelScope.Self)]
internal sealed class PackageTests
{
    private LocalPackages _packages = null!;

    [OneTimeSetUp]
    public async Task Pack() => _packages = await LocalPackages.PackAsync();

    [OneTimeTearDown]
    public void Delete() => _packages?.Dispose();

    [Test]
    public void Packages_Always_SayWhatTheyAre()
    {
        var specifications = _packages.Files.Select(Specification).ToList();
        Assert.That(specifications.Select(one => Of(one, "id")), Is.EquivalentTo(new[] { "CacheService.Client", "CacheService.Contracts", "CacheService.Tool" }));
        Assert.That(specifications.Select(one => Of(one, "version")).Distinct().ToList(), Has.Count.EqualTo(1));
        foreach (var one in specifications)
        {
            Assert.That(Of(one, "license"), Is.EqualTo("PostgreSQL"));
            Assert.That(Of(one, "readme"), Is.EqualTo("README.md"));
            Assert.That(Of(one, "description"), Is.Not.Empty.And.Not.EqualTo("Package Description"));
        }
    }

    [Test]
    public async Task Tool_Installed_AsksARunningService()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(1);
        await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt'), (1, 'rt'), (1, 'fav')");

        var folder = Path.Combine(_packages.Folder, "tools");
        await _packages.DotnetAsync("tool", "install", "CacheService.Tool", "--tool-path", folder, "--configfile", Path.Combine(_packages.Folder, "nuget.config"));
        var (code, output) = await ForeignProgram.RunToEndAsync(
            new ProcessStartInfo(Path.Combine(folder, "tweetcounts"), ["get", "1", "--strong", "--address", service.GrpcAddress.AbsoluteUri]) { RedirectStandardOutput = true, RedirectStandardError = true });
        Assert.That(code, Is.Zero, output);
        Assert.That(output.Split('\n')[0].Split('\t').Take(3), Is.EqualTo(new[] { "1", "2", "1" }), output);
    }

    /// <summary>The example of examples/csharp, by a project that knows the package alone.</summary>
    [Test]
    public async Task Client_InAProjectOfItsOwn_ReadsWatchesAndResumes()
    {
        var project = Path.Combine(_packages.Folder, "Counts");
        Directory.CreateDirectory(project);
        File.Copy(SourceFolder.PathOf("examples/csharp/Program.cs"), Path.Combine(project, "Program.cs"));
        var version = Of(Specification(_packages.Files.First()), "version");
        await File.WriteAllTextAsync(
            Path.Combine(project, "Counts.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="CacheService.Client" Version="{version}" />
              </ItemGroup>
            </Project>

            """);
        await _packages.DotnetAsync("build", project, "-nodeReuse:false", "-p:UseSharedCompilation=false", "-p:NuGetAudit=false", "-o", Path.Combine(project, "out"), "-v", "quiet");
        await ExampleScenario.CheckAsync(address => ForeignProgram.StartInfo("dotnet", [Path.Combine(project, "out", "Counts.dll"), $"http://{address}", .. ExampleScenario.MessageIds]));
    }

    private static XElement Specification(string package)
    {
        using var archive = ZipFile.OpenRead(package);
        using var stream = archive.Entries.Single(entry => entry.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XElement.Load(stream);
    }

    private static string? Of(XElement specification, string name) => specification.Descendants().FirstOrDefault(element => element.Name.LocalName == name)?.Value;
}
