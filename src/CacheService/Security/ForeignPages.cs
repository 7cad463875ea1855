using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>
/// Finds calls that a page of somebody else's makes in its reader's browser. Without it any page could have the service work, because a browser sends what needs no
/// answer without asking.
/// </summary>
internal sealed class ForeignPages(IOptions<SecurityOptions> options)
{
    /// <summary>Whether a page sent this that is neither the service's own nor one that may call.</summary>
    public bool IsFrom(HttpRequest request) =>
        request.Headers.Origin is [{ Length: > 0 } origin]
        && !(Uri.TryCreate(origin, UriKind.Absolute, out var page) && string.Equals(page.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase))
        && !options.Value.AllowsPage(origin);
}
