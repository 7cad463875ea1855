using CacheService.Postgres.Embedded;
using Microsoft.Extensions.Options;

namespace CacheService;

/// <summary>What keeps the service from starting, in lines for the person who started it.</summary>
internal static class StartErrors
{
    /// <summary>The lines; null for an error that nobody foresaw, of which the stack trace is wanted.</summary>
    public static IEnumerable<string>? Describe(Exception error) => error switch
    {
        AggregateException all when all.InnerExceptions.All(inner => Describe(inner) is not null) => all.InnerExceptions.SelectMany(inner => Describe(inner)!),
        OptionsValidationException invalid => invalid.Failures.Select(failure => $"Bad setting: {failure}"),
        EmbeddedPostgresException => [$"The embedded PostgreSQL cannot run: {error.Message}"],
        // The configuration binder's own, and Kestrel's for an endpoint that it cannot parse.
        InvalidOperationException or FormatException => [$"Bad setting: {OneLine(error)}"],
        IOException when error.Message.Contains("bind", StringComparison.OrdinalIgnoreCase) =>
            [$"{OneLine(error)} Stop what uses the address, or choose another: --Kestrel:Endpoints:Grpc:Url=http://127.0.0.1:PORT and --Kestrel:Endpoints:Http:Url=…"],
        _ => null,
    };

    private static string OneLine(Exception error)
    {
        var cause = error.InnerException is { } inner ? $" ({inner.Message})" : "";
        return (error.Message + cause).ReplaceLineEndings(" ");
    }
}
