using System.CommandLine;
using CacheService.Postgres.Embedded;
using CacheService.Tool.Database;

namespace CacheService.Tool.Commands;

/// <summary>The option of the commands that write to the database: which one.</summary>
internal sealed class ConnectionOption
{
    private readonly Option<string?> _connection = new("--connection", "-c")
    {
        HelpName = "STRING",
        Description = "A connection string: Host=…;Username=…;Database=… or postgresql://…. Without it: ConnectionStrings__Postgres of the environment, "
            + "else the embedded server of the service.",
    };

    public void AddTo(Command command) => command.Add(_connection);

    public DatabaseLocation Locate(ParseResult arguments) =>
        new(arguments.GetValue(_connection), Environment.GetEnvironmentVariable, DataFolder.Default);
}
