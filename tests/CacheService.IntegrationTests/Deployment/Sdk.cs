using System.Diagnostics;
using CacheService.IntegrationTests.Interop;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>Runs dotnet, as who builds, packs and installs does.</summary>
internal static class Sdk
{
    // It compiles and restores, beside other tests: for minutes even where it is alone.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    /// <summary>Runs it in a folder; it has succeeded.</summary>
    public static async Task RunAsync(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        if (File.Exists(Path.Combine(folder, "nuget.config")))
        {
            // It would come before what that says.
            start.Environment.Remove("NUGET_PACKAGES");
        }

        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = start.Environment["DOTNET_NOLOGO"] = "1";
        var (code, output) = await ForeignProgram.RunToEndAsync(start, Patience);
        Assert.That(code, Is.Zero, $"dotnet {string.Join(' ', arguments)}: {output}");
    }
}
