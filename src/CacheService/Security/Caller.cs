using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;

namespace CacheService.Security;

/// <summary>Someone the service knows. Made once for each key and certificate, and shared by all their calls.</summary>
internal sealed class Caller
{
    /// <summary>The type of the claims that say what a caller may do.</summary>
    public const string RightClaim = "right";

    /// <param name="name">Whose calls these are, such as <c>key dashboard</c>.</param>
    /// <param name="rights">What they may do.</param>
    public Caller(string name, Rights rights)
    {
        var claims = Enum.GetValues<Rights>().Where(right => right != Rights.None && rights.HasFlag(right)).Select(right => new Claim(RightClaim, right.ToString()));
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, name), .. claims], CallerAuthentication.SchemeName);
        Result = Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), CallerAuthentication.SchemeName)));
    }

    /// <summary>The answer to who calls.</summary>
    public Task<AuthenticateResult> Result { get; }
}
