using System.CommandLine;
using CacheService.Tool.Commands;
using CacheService.Tool.Output;

namespace CacheService.Tool;

internal static class Program
{
    public static Task<int> Main(string[] args)
    {
        var terminal = Terminal.OfProcess();
        var time = TimeProvider.System;
        var root = new RootCommand("Counts of retweets and likes, and the messages to try them with.")
        {
            // the service
            new GetCommand(terminal),
            new TopCommand(terminal),
            new StatusCommand(terminal),

            // its database
            new LoadCastCommand(terminal),
            new LoadPlayCommand(terminal),
            new SimulateCommand(terminal, time),
        };

        return CommandLine.RunAsync(root, args, terminal);
    }
}
