using CacheService.Settings;

namespace CacheService.Counts;

/// <summary>Registers the store.</summary>
internal static class CountsServices
{
    /// <summary>Adds the store and what is made of it.</summary>
    public static void AddCounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<LimitsOptions, LimitsOptionsValidator>(builder.Configuration, LimitsOptions.Section);
        builder.Services.AddSingleton<CountsStore>();
        builder.Services.AddSingleton<TopCounts>();
    }
}
