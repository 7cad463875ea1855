using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The unit of deploy/systemd, as systemd itself judges it.</summary>
[Parallelizable(ParallelScope.Self)]
[Platform("Linux")]
internal sealed class UnitTests
{
    // As systemd counts: 0 is closed, 100 is open; services that nobody has thought about have 96.
    private const int MostExposure = 20;

    private readonly string _folder = TestFolders.NewPath();
    private string _unit = null!;

    [OneTimeSetUp]
    public async Task InstallUnit()
    {
        Directory.CreateDirectory(_folder);
        _unit = Path.Combine(_folder, "tweetcounts.service");
        var text = await File.ReadAllTextAsync(SourceFolder.PathOf("deploy/systemd/tweetcounts.service"));
        // The program has to be there.
        await File.WriteAllTextAsync(_unit, text.Replace("ExecStart=/opt/tweetcounts", $"ExecStart={AppContext.BaseDirectory}", StringComparison.Ordinal));
    }

    [OneTimeTearDown]
    public void DeleteUnit() => TestFolders.Delete(_folder);

    [Test]
    public async Task Unit_Always_IsOne() => Assert.That(await AnalyzeAsync("verify", _unit), Is.EqualTo(((int?)0, "")));

    [Test]
    public async Task Unit_Always_ExposesLittle()
    {
        var (code, words) = await AnalyzeAsync("security", "--offline=true", $"--threshold={MostExposure}", "--no-pager", _unit);
        Assert.That(code, Is.Zero, words);
    }

    private static async Task<(int? ExitCode, string Output)> AnalyzeAsync(params string[] arguments)
    {
        var program = await InstalledProgram.RequireAsync("the systemd unit is NOT verified", "systemd-analyze");
        return await ForeignProgram.RunToEndAsync(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
    }
}
