using System.Diagnostics;
using CacheService.IntegrationTests.Interop;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>Programs for which names lead where the test says: they see a hosts file of their own, by bubblewrap. What else they see is the machine's.</summary>
internal sealed class OwnHosts : IDisposable
{
    private readonly string _program;
    private readonly string _folder = TestFolders.NewPath();

    private OwnHosts(string program)
    {
        _program = program;
        Directory.CreateDirectory(_folder);
        Set("localhost", "127.0.0.1");
    }

    private string Hosts => Path.Combine(_folder, "hosts");

    /// <summary>Where there is no bubblewrap, or it may do nothing here, the calling test is ignored, and says so.</summary>
    public static async Task<OwnHosts> RequireAsync()
    {
        const string Untested = "names that lead to several servers are NOT tested with the system's resolver";
        var hosts = new OwnHosts(await InstalledProgram.RequireAsync(Untested, "bwrap"));
        var command = hosts.Command("true");
        var (code, words) = await ForeignProgram.RunToEndAsync(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true });
        if (code != 0)
        {
            await TestContext.Progress.WriteLineAsync($"*** SKIPPED: {Untested}, because bubblewrap may not work here: {words}");
            hosts.Dispose();
            Assert.Ignore(words);
        }

        return hosts;
    }

    /// <summary>From now on a name leads there, and no other name anywhere.</summary>
    public void Set(string name, params string[] addresses) =>
        // The same file, because it is the file that they see, not its place.
        File.WriteAllText(Hosts, string.Concat(addresses.Select(address => $"{address} {name}\n")));

    /// <summary>How to run a program with it.</summary>
    public string[] Command(params string[] program) => [_program, "--dev-bind", "/", "/", "--ro-bind", Hosts, "/etc/hosts", "--die-with-parent", .. program];

    public void Dispose() => TestFolders.Delete(_folder);
}
