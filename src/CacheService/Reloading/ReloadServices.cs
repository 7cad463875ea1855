namespace CacheService.Reloading;

/// <summary>Registers the loads on request.</summary>
internal static class ReloadServices
{
    /// <summary>Adds the reloader.</summary>
    public static void AddReloading(this WebApplicationBuilder builder) => builder.Services.AddSingleton<Reloader>();
}
