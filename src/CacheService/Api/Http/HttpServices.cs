using CacheService.Api.Problems;
using CacheService.ImportJob;
using CacheService.Reading;
using CacheService.Security;
using Grpc.Core;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace CacheService.Api.Http;

/// <summary>Registers and maps the HTTP API.</summary>
internal static class HttpServices
{
    /// <summary>The OpenAPI document is what the reflection service is for gRPC.</summary>
    private static readonly ServesMethod Reflection = new("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");

    /// <summary>Adds what the API needs.</summary>
    public static void AddHttpApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<TweetCountsHttpService>();
        builder.Services.AddSingleton<JobsHttpService>();
        builder.Services.AddOpenApi("v1", document =>
        {
            document.ShouldInclude = static _ => false;
            document.AddDocumentTransformer<ApiDocument>();
        });
    }

    /// <summary>Gives errors of HTTP itself, such as 404 and 405, the same form as all others.</summary>
    public static void UseHttpProblems(this WebApplication app) => app.UseWhen(
        static context => !Refusal.IsGrpc(context.Request),
        static branch => branch.UseStatusCodePages(static context => HttpProblem.WriteAsync(context.HttpContext, StatusOf(context.HttpContext), context.HttpContext.Response.StatusCode)));

    /// <summary>Maps the routes and the OpenAPI document, unless the settings say that only gRPC is served.</summary>
    public static void MapHttpApi(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value.AllowHttp)
        {
            return;
        }

        var limits = app.Services.GetRequiredService<IOptions<LimitsOptions>>().Value;
        var import = app.Services.GetRequiredService<IOptions<ImportOptions>>().Value;
        foreach (var route in HttpRoutes.All)
        {
            var endpoint = ActivatorUtilities.CreateInstance<HttpEndpoint>(app.Services, route);
            app.MapMethods(route.Path, [route.Verb], endpoint.ServeAsync)
                .WithMetadata(route, new ServesMethod(route.MethodName), new RequestSizeLimitAttribute(route.TakesFile ? import.MaxFileBytes : limits.MaxRequestBytes))
                .RequireRights(app);
        }

        app.MapOpenApi("/openapi/{documentName}.json").WithMetadata(Reflection).RequireRights(app);
    }

    private static Status StatusOf(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => new Status(StatusCode.NotFound, $"there is no route {context.Request.Method} {context.Request.Path}; /openapi/v1.json lists them all"),
        StatusCodes.Status405MethodNotAllowed => new Status(StatusCode.Unimplemented, $"{context.Request.Method} is not for {context.Request.Path}; /openapi/v1.json says what is"),
        var code => new Status(StatusCode.Unknown, $"HTTP error {code}"),
    };
}
