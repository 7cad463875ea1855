using System.Diagnostics;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Programs that tests need and the machine may lack.</summary>
internal static class InstalledProgram
{
    private static readonly string[] Places = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

    /// <summary>The path of a program; where there is none, the calling test is ignored, and says so.</summary>
    /// <param name="untested">What is not tested then.</param>
    /// <param name="names">Its names.</param>
    public static async Task<string> RequireAsync(string untested, params string[] names)
    {
        if ((from name in names from place in Places select Path.Combine(place, name)).FirstOrDefault(File.Exists) is { } program)
        {
            return program;
        }

        var missing = $"There is no {names[0]} (Debian, Ubuntu: apt-get install {names[0]}): {untested}.";
        await TestContext.Progress.WriteLineAsync($"*** SKIPPED: {missing}");
        Assert.Ignore(missing);
        throw new UnreachableException();
    }
}
