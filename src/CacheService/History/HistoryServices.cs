namespace CacheService.History;

/// <summary>Registers the history.</summary>
internal static class HistoryServices
{
    /// <summary>Adds the history, which begins with the service.</summary>
    public static void AddHistory(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RecentHistory>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RecentHistory>());
    }
}
