using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using CacheService.Settings;
using Microsoft.Extensions.Options;

namespace CacheService;

/// <summary>Registers the store, which knows nothing of how settings are read.</summary>
internal static class CountsServices
{
    /// <summary>Adds the store.</summary>
    public static void AddCounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<CountsOptions, CountsOptionsValidator>(builder.Configuration, CountsOptions.Section);
        builder.Services.AddSingleton(services => new CountsStore(services.GetRequiredService<IOptions<LimitsOptions>>().Value.MaxTombstones));
    }
}
