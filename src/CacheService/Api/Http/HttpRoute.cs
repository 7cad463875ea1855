using Google.Protobuf.Reflection;
using Grpc.Core;

namespace CacheService.Api.Http;

/// <summary>A route of the HTTP API: the same as a method of the gRPC API, with its messages as JSON and its right.</summary>
internal abstract record HttpRoute
{
    /// <summary>GET or POST.</summary>
    public required string Verb { get; init; }

    /// <summary>Its path, with parameters in braces.</summary>
    public required string Path { get; init; }

    /// <summary>The method of the gRPC API.</summary>
    public required MethodDescriptor Method { get; init; }

    /// <summary>What it does, in a line.</summary>
    public required string Summary { get; init; }

    /// <summary>What a request may say; anything else in its query is refused.</summary>
    public IReadOnlyList<HttpParameter> Parameters { get; init; } = [];

    /// <summary>The message in the body; null: none.</summary>
    public MessageDescriptor? Body { get; init; }

    /// <summary>A body.</summary>
    public string? BodyExample { get; init; }

    /// <summary>Whether the body is a file, as large as <c>Import:MaxFileBytes</c> allows.</summary>
    public bool TakesFile { get; init; }

    /// <summary>Whether the answer is a stream of events.</summary>
    public bool IsStream => Method.IsServerStreaming;

    /// <summary>An answer.</summary>
    public required string Example { get; init; }

    /// <summary>Errors besides those that every route has.</summary>
    public IReadOnlyList<StatusCode> Errors { get; init; } = [];

    /// <summary>The method as gRPC names it.</summary>
    public string MethodName => $"/{Method.Service.FullName}/{Method.Name}";

    /// <summary>What the OpenAPI document calls it, where it is not the method's name because another route has that.</summary>
    public string? OperationId { get; init; }

    /// <summary>Serves a call.</summary>
    public abstract Task ServeAsync(IServiceProvider services, HttpCall call);
}

/// <summary>A route that one of the services serves.</summary>
internal sealed record HttpRoute<TService> : HttpRoute
    where TService : notnull
{
    /// <summary>Serves a call.</summary>
    public required Func<TService, HttpCall, Task> Handler { get; init; }

    /// <inheritdoc/>
    public override Task ServeAsync(IServiceProvider services, HttpCall call) => Handler(services.GetRequiredService<TService>(), call);
}
