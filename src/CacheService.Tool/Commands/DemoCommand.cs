using System.Buffers;
using System.CommandLine;
using CacheService.Postgres.Embedded;
using CacheService.Tool.Cast;
using CacheService.Tool.Database;
using CacheService.Tool.Output;
using CacheService.Tool.Service;
using CacheService.Tool.Simulation;
using Npgsql;

namespace CacheService.Tool.Commands;

internal sealed class DemoCommand : ToolCommand
{
    private const int Rate = 5;
    private const int Clients = 2;

    private static readonly TimeSpan DefaultWait = TimeSpan.FromMinutes(1);
    private static readonly SearchValues<char> PlainInShell = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=");

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;
    private readonly Argument<string[]> _settings = new("SETTING")
    {
        Description = "The settings that the service is started with, which say where it and its data are.",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<bool> _check = new("--check") { Description = "Only say whether a demo makes sense: exit code 0; or 1 where the service has a database of yours, or one runs there already." };
    private readonly Option<TimeSpan?> _wait = DurationOption.Create("--wait", $"How long to wait for the service to be LIVE. [default: {DefaultWait.TotalSeconds:0}s]");
    private readonly Option<string> _as = new("--as") { HelpName = "COMMAND", Description = "What to call this command in what is printed.", DefaultValueFactory = _ => CommandLine.Name };
    private readonly Option<string?> _in = new("--in") { HelpName = "FOLDER", Description = "From which folder to call it." };

    public DemoCommand(Terminal terminal, TimeProvider time)
        : base("demo", "Wait until the service on this machine is LIVE, add the cast to its embedded server, and write a few retweets and likes a second until Ctrl-C.", terminal)
    {
        _terminal = terminal;
        _time = time;
        Add(_settings);
        Add(_check);
        Add(_wait);
        Add(_as);
        Add(_in);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts demo", "With the service as it is without settings."),
        new("tweetcounts demo -- --Embedded:DataDirectory=/tmp/demo --Kestrel:Endpoints:Http:Url=http://127.0.0.1:6081", "With the settings that it was started with."),
        new("tweetcounts demo --check && echo yes", "Whether there would be one."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        try
        {
            var settings = ServiceSettings.Read(arguments.GetValue(_settings) ?? []);
            using var health = new ServiceHealth(settings.HttpAddress, _time);
            if (arguments.GetValue(_check))
                return !settings.HasDatabase && await health.AskAsync(stop) is null ? ExitCode.Success : ExitCode.Failure;
            if (settings.HasDatabase)
                throw new ToolException("the service has a database of yours (ConnectionStrings:Postgres): what is in there is not for a demo to write to");

            await health.WaitForLiveAsync(arguments.GetValue(_wait) ?? DefaultWait, stop);
            var database = new DatabaseLocation(null, _ => null, settings.DataDirectory);
            await using (var connection = await database.OpenAsync(stop))
                await new CastLoader(connection).LoadAsync(CastFile.Read(), stop);
            _terminal.Note(Welcome(settings, arguments.GetValue(_as)!, arguments.GetValue(_in)));

            await using var simulator = new Simulator(database, new SimulationOptions(Rate, null, Clients, Random.Shared.Next()), new QuietView(_terminal), _time);
            await simulator.RunAsync(stop);
            return ExitCode.Success;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Nothing that a person beside the service has to be told.
            return ExitCode.Interrupted;
        }
        catch (ToolException e)
        {
            throw new ToolException($"no demo: {e.Message}", e);
        }
        catch (NpgsqlException e)
        {
            throw new ToolException($"no demo: {DatabaseAdvice.Describe(e)}", e);
        }
    }

    internal static string Welcome(ServiceSettings settings, string command, string? folder)
    {
        var run = settings.GrpcAddress == new Uri(ServiceAddress.Default) ? command : $"{ServiceAddress.Variable}={settings.GrpcAddress.AbsoluteUri.TrimEnd('/')} {command}";
        var change = folder is null ? "" : $"  cd {ShellWord(folder)}\n";
        return $"""

            The service is LIVE, and a simulation writes five retweets and likes a second. See the counts move, in a browser:

              {settings.HttpAddress.AbsoluteUri.TrimEnd('/')}

            Or try, in another terminal:

            {change}  {run} top   # read counts
              {run} get 1 2 3
              {run} watch --all
              {run} jobs
              {ShellWord(Path.Combine(settings.DataDirectory, DataFolder.PsqlFile))}   # a psql on its database

            Ctrl-C stops it all; the data is kept in {settings.DataDirectory}.

            """;
    }

    private static string ShellWord(string word) =>
        word.AsSpan().ContainsAnyExcept(PlainInShell) ? $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'" : word;
}
