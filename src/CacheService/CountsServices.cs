using CacheService.Counts;
using CacheService.Reading;
using Microsoft.Extensions.Options;

namespace CacheService;

/// <summary>Registers the store, which knows nothing of settings.</summary>
internal static class CountsServices
{
    /// <summary>Adds the store.</summary>
    public static void AddCounts(this WebApplicationBuilder builder) =>
        builder.Services.AddSingleton(services => new CountsStore(services.GetRequiredService<IOptions<LimitsOptions>>().Value.MaxTombstones));
}
