using CacheService.Settings;
using Microsoft.Extensions.Options;

namespace CacheService.Counts;

/// <summary>Registers the store.</summary>
internal static class CountsServices
{
    /// <summary>Adds the store and what is made of it.</summary>
    public static void AddCounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<LimitsOptions, LimitsOptionsValidator>(builder.Configuration, LimitsOptions.Section);
        builder.Services.AddSingleton(services => new CountsStore(services.GetRequiredService<IOptions<LimitsOptions>>().Value.MaxTombstones));
        builder.Services.AddSingleton<TopCounts>();
    }
}
