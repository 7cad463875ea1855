using System.Text.Json;
using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>What deploy/Dockerfile says.</summary>
internal static class Dockerfile
{
    private static readonly IReadOnlyList<(string Name, string Arguments)> Instructions =
    [
        .. from line in File.ReadLines(SourceFolder.PathOf("deploy/Dockerfile"))
           where line.Length > 0 && line[0] != '#'
           let parts = line.Split(' ', 2)
           select (parts[0], parts[1]),
    ];

    /// <summary>The command that publishes, and where it puts what it makes.</summary>
    public static (string[] Command, string Folder) Publish
    {
        get
        {
            string[] command = Single("RUN").Split(' ');
            return (command, command[Array.IndexOf(command, "-o") + 1]);
        }
    }

    public static string[] Entrypoint => JsonSerializer.Deserialize<string[]>(Single("ENTRYPOINT"))!;

    public static string[] HealthCommand => JsonSerializer.Deserialize<string[]>(Single("HEALTHCHECK").Split(" CMD ")[1])!;

    /// <summary>The variables that the image sets.</summary>
    public static IReadOnlyList<(string Name, string Value)> Environment =>
        [.. from instruction in Instructions where instruction.Name == "ENV" let parts = instruction.Arguments.Split('=', 2) select (parts[0], parts[1])];

    private static string Single(string name) => Instructions.Single(instruction => instruction.Name == name).Arguments;
}
