using CacheService.Jobs;
using CacheService.Security;
using Microsoft.Extensions.Options;

namespace CacheService.Api.Page;

/// <summary>Maps the operator's page.</summary>
internal static class PageServices
{
    private const string KeptForEver = "public, max-age=31536000, immutable";
    private const string AskedForEachTime = "no-cache";

    /// <summary>
    /// What a browser lets the page do: load and call what is of this service, and nothing else. Nothing inline, nothing that is put together as text, no frame around it.
    /// </summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        + " require-trusted-types-for 'script'; trusted-types 'none'";

    /// <summary>Maps <c>GET /</c> and what it loads, unless the settings say that only gRPC is served.</summary>
    public static void MapPage(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value.AllowHttp)
        {
            return;
        }

        var files = new PageFiles(app.Services.GetRequiredService<IOptions<JobsOptions>>().Value.Enabled);
        // For everybody: it shows nothing that it has not asked for, with its reader's key.
        var page = app.MapGroup("").AllowAnonymous().DisableRateLimiting();
        page.MapMethods("/", [HttpMethods.Get, HttpMethods.Head], (HttpContext context) => Serve(context, files.Index, AskedForEachTime));
        page.MapMethods("/page/{version}/{name}", [HttpMethods.Get, HttpMethods.Head], (HttpContext context, string version, string name) =>
            files.Find(name) is { } file ? Serve(context, file, version == files.Version ? KeptForEver : AskedForEachTime) : Results.NotFound());
    }

    private static IResult Serve(HttpContext context, PageFile file, string caching)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = caching;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        return Results.Bytes(file.Content, file.ContentType, entityTag: file.Tag);
    }
}
