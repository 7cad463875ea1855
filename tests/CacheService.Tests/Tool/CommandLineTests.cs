using CacheService.Tool;
using CacheService.Tool.Commands;
using CacheService.Tool.Output;

namespace CacheService.Tests.Tool;

public sealed class CommandLineTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    private static IEnumerable<string> Commands =>
        CacheService.Tool.Program.Root(new Terminal(TextWriter.Null, TextWriter.Null, false), TimeProvider.System).Subcommands.Select(c => c.Name);

    [SetUp]
    public void ForgetOutput()
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
    }

    [TestCaseSource(nameof(Commands))]
    public async Task Help_EachCommand_HasExamplesThatItUnderstands(string command)
    {
        Assert.That(await RunAsync(command, "--help"), Is.Zero);

        Assert.That(_output.ToString(), Does.Contain($"Examples:{Environment.NewLine}  tweetcounts {command}"));
        Assert.That(_error.ToString(), Is.Empty);
    }

    [TestCaseSource(nameof(Commands))]
    public void Examples_EachCommand_Parse(string command)
    {
        var root = CacheService.Tool.Program.Root(new Terminal(_output, _error, false), TimeProvider.System);
        var examples = ((ToolCommand)root.Subcommands.Single(c => c.Name == command)).Examples;

        // Up to a pipe into another program; the shell's own substitution stands for ids.
        foreach (var example in examples.Select(e => e.CommandLine.Split(" | ")[0].Replace("$(seq 100)", "1 2", StringComparison.Ordinal)))
        {
            var args = example.Split(' ')[1..];
            Assert.That(root.Parse(args).Errors, Is.Empty, example);
        }
    }

    [TestCase("simulat", "there is no command simulat (perhaps simulate); see tweetcounts --help")]
    [TestCase("dance", "there is no command dance; see tweetcounts --help")]
    [TestCase("", "Required command was not provided; see tweetcounts --help")]
    [TestCase("simulate --rate 0", "--rate is above 0 and at most 1000000; see tweetcounts simulate --help")]
    [TestCase("simulate --clients 101", "--clients is 1 to 100; see tweetcounts simulate --help")]
    [TestCase("simulate --duration soon", "'soon' is not a time: write 500ms, 30s, 5m or 1h; see tweetcounts simulate --help")]
    [TestCase("get", "Required argument 'ID' missing for command: 'get'; see tweetcounts get --help")]
    public async Task Run_BadUsage_IsOneLineAndExitCodeTwo(string args, string message)
    {
        var exitCode = await RunAsync(args.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(_error.ToString(), Is.EqualTo($"tweetcounts: {message}{Environment.NewLine}"));
        Assert.That(_output.ToString(), Is.Empty);
    }

    [TestCase("import", "--help")]
    [TestCase("--help")]
    [TestCase("--version")]
    [TestCase("new-api-key")]
    public async Task Run_WhoseReaderHasGone_EndsWithoutAWord(params string[] args)
    {
        Assert.That(await RunAsync(new ClosedPipe(), args), Is.Zero);
        Assert.That(_error.ToString(), Is.Empty);
    }

    private Task<int> RunAsync(params string[] args) => RunAsync(_output, args);

    private Task<int> RunAsync(TextWriter output, string[] args)
    {
        var terminal = new Terminal(output, _error, interactive: false);
        return CommandLine.RunAsync(CacheService.Tool.Program.Root(terminal, TimeProvider.System), args, terminal);
    }

    private sealed class ClosedPipe : StringWriter
    {
        public override void Write(char value) => throw Error();

        public override void Write(string? value) => throw Error();

        public override void Write(char[] buffer, int index, int count) => throw Error();

        public override void WriteLine(string? value) => throw Error();

        private static IOException Error() => new("Broken pipe", 32);
    }
}
