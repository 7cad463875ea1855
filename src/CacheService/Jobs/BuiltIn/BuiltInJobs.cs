namespace CacheService.Jobs.BuiltIn;

/// <summary>Registers the jobs that the service brings along.</summary>
internal static class BuiltInJobs
{
    /// <summary>Adds them.</summary>
    public static void AddBuiltInJobs(this WebApplicationBuilder builder)
    {
        builder.Services.AddJob<RefreshMatViews>();
        builder.Services.AddJob<RollUp>();
        builder.Services.AddJob<Audit>();
        builder.Services.AddJob<DailyReport>();
        builder.Services.AddJob<ExpireMessages>();
    }
}
