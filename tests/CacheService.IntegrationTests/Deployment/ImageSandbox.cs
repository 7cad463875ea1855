using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;
using CacheService.Postgres.Embedded;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>
/// What the service's image has, and nothing else: .NET, the libraries that it is linked to, those of TLS, the time zones, the service. There is no shell, and no home; all of it is read-only.
/// bubblewrap makes it, for an ordinary user, without capabilities. Only the network is the machine's.
/// </summary>
internal sealed partial class ImageSandbox
{
    private const string DotnetFolder = "/usr/share/dotnet";
    private const string TimeZones = "/usr/share/zoneinfo";

    // The runtime loads them by name.
    private static readonly string[] TlsLibraries = ["libssl.so.3", "libcrypto.so.3"];

    private readonly string[] _beginning;

    private ImageSandbox(string[] beginning) => _beginning = beginning;

    /// <summary>Finds what is in it; where there is no bubblewrap, or it may do nothing here, the calling test is ignored, and says so.</summary>
    /// <param name="service">The folder that is /app in it.</param>
    public static async Task<ImageSandbox> RequireAsync(string service)
    {
        const string Untested = "the service is NOT tested on a read-only root without a shell";
        var program = await InstalledProgram.RequireAsync(Untested, "bwrap");
        var (code, words) = await RunAsync(ServerUser.Current().Command(program, "--unshare-user", "--ro-bind", "/", "/", "true"));
        if (code != 0)
        {
            await TestContext.Progress.WriteLineAsync($"*** SKIPPED: {Untested}, because bubblewrap may not work here: {words}");
            Assert.Ignore(words);
        }

        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        string[] libraries = [.. await LibrariesAsync(dotnet)];
        return new ImageSandbox(ServerUser.Current().Command(
            [
                program,
                // It ends with who has started it, and is the first process in its place, as in a container.
                "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--as-pid-1", "--clearenv",
                "--ro-bind", dotnet, DotnetFolder,
                "--ro-bind", TimeZones, TimeZones,
                .. libraries.SelectMany(library => new[] { "--ro-bind", library, library }),
                "--ro-bind", service, Path.GetDirectoryName(Dockerfile.Entrypoint[0])!,
                "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/", "--chdir", "/",
            ]));
    }

    /// <summary>How to run a program in it.</summary>
    public string[] Command(IEnumerable<(string Name, string Value)> environment, params string[] program) =>
        [.. _beginning, .. environment.SelectMany(variable => new[] { "--setenv", variable.Name, variable.Value }), .. program];

    /// <summary>Runs a program in it to its end.</summary>
    public Task<(int? ExitCode, string Output)> RunToEndAsync(IEnumerable<(string Name, string Value)> environment, params string[] program) => RunAsync(Command(environment, program));

    private static async Task<IEnumerable<string>> LibrariesAsync(string dotnet)
    {
        string[] native = [.. Directory.EnumerateFiles(dotnet, "lib*.so", SearchOption.AllDirectories).Where(file => Native().IsMatch(file))];
        var (code, linked) = await RunAsync(["ldd", .. native]);
        Assert.That(code, Is.Zero, linked);
        var libraries = Library().Matches(linked).Select(library => library.Groups["path"].Value).Where(path => !path.StartsWith(dotnet, StringComparison.Ordinal)).ToHashSet();
        var tls = from folder in libraries.Select(Path.GetDirectoryName).Distinct() from name in TlsLibraries select Path.Combine(folder!, name);
        return libraries.Concat(tls.Where(File.Exists));
    }

    private static Task<(int? ExitCode, string Output)> RunAsync(string[] command) =>
        ForeignProgram.RunToEndAsync(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" });

    [GeneratedRegex(@"/(libcoreclr|libclrjit|libhostfxr|libhostpolicy|libSystem\.[\w.]+)\.so$")]
    private static partial Regex Native();

    [GeneratedRegex(@"(?<path>/\S+\.so[\w.-]*) \(0x")]
    private static partial Regex Library();
}
