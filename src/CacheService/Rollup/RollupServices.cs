using CacheService.Settings;

namespace CacheService.Rollup;

/// <summary>Registers the rollup.</summary>
internal static class RollupServices
{
    /// <summary>Adds what writes the counts back to the database.</summary>
    public static void AddRollup(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<RollupOptions, RollupOptionsValidator>(builder.Configuration, RollupOptions.Section);
        builder.Services.AddSingleton<RollupStatus>();
        builder.Services.AddHostedService<RollupKeeper>();
    }
}
