using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The packages of this repository in a folder, and a place where they alone can be installed from: no server is asked, and nothing of it stays.</summary>
internal sealed class LocalPackages : IDisposable
{
    private LocalPackages(string folder) => Folder = folder;

    /// <summary>Where everything is; programs and projects that are made below it install from here.</summary>
    public string Folder { get; }

    /// <summary>The packages' files.</summary>
    public IEnumerable<string> Files => Directory.EnumerateFiles(Path.Combine(Folder, "packages"));

    /// <summary>Packs what was built for the tests.</summary>
    public static async Task<LocalPackages> PackAsync()
    {
        var packages = new LocalPackages(TestFolders.NewPath());
        Directory.CreateDirectory(packages.Folder);
        // What the packages need of others lies where the restore of this build has put it.
        await File.WriteAllTextAsync(
            Path.Combine(packages.Folder, "nuget.config"),
            $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="local" value="packages" />
              </packageSources>
              <fallbackPackageFolders>
                <clear />
                <add key="build" value="{BuildPackages}" />
              </fallbackPackageFolders>
              <config>
                <add key="globalPackagesFolder" value="installed" />
              </config>
            </configuration>

            """);
        await packages.DotnetAsync(
            "pack", SourceFolder.PathOf("CacheService.sln"), "-c", SourceFolder.Configuration, "--no-build", "-o", Path.Combine(packages.Folder, "packages"), "-nodeReuse:false", "-v", "quiet");
        return packages;
    }

    /// <summary>Runs dotnet in the folder; it has succeeded.</summary>
    public Task DotnetAsync(params string[] arguments) => Sdk.RunAsync(Folder, arguments);

    public void Dispose() => TestFolders.Delete(Folder);

    private static string BuildPackages => Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } folder
        ? folder
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
}
