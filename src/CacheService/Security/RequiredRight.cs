using Microsoft.AspNetCore.Authorization;

namespace CacheService.Security;

/// <summary>Marks an endpoint with the right that its callers need.</summary>
internal sealed class RequiredRight(Rights right) : AuthorizeAttribute(right.ToString())
{
    /// <summary>The right.</summary>
    public Rights Right => right;
}
