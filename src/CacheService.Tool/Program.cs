using System.CommandLine;
using CacheService.Tool.Commands;
using CacheService.Tool.Commands.Jobs;
using CacheService.Tool.Output;

namespace CacheService.Tool;

internal static class Program
{
    public static Task<int> Main(string[] args)
    {
        var terminal = Terminal.OfProcess();
        return CommandLine.RunAsync(Root(terminal, TimeProvider.System), args, terminal);
    }

    internal static RootCommand Root(Terminal terminal, TimeProvider time) => new("Counts of retweets and likes, and the messages to try them with.")
    {
        // the service
        new GetCommand(terminal, time),
        new TopCommand(terminal, time),
        new DaysCommand(terminal, time),
        new CachesCommand(terminal, time),
        new WatchCommand(terminal, time),
        new StatusCommand(terminal, time),
        new HistoryCommand(terminal, time),
        new AuditCommand(terminal, time),
        new ReloadCommand(terminal, time),
        new JobsCommand(terminal, time),
        new NewApiKeyCommand(terminal),

        // its database
        new LoadCastCommand(terminal),
        new LoadPlayCommand(terminal),
        new SimulateCommand(terminal, time),
        new ImportCommand(terminal, time),

        // both
        new DemoCommand(terminal, time),
    };
}
