namespace CacheService.Tool.Commands;

/// <summary>A command line for the help, and what it does.</summary>
internal sealed record Example(string CommandLine, string Meaning);
