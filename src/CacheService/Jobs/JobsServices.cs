using CacheService.Settings;

namespace CacheService.Jobs;

/// <summary>Registers the jobs.</summary>
internal static class JobsServices
{
    /// <summary>Adds what runs jobs.</summary>
    public static void AddJobs(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<JobsOptions, JobsOptionsValidator>(builder.Configuration, JobsOptions.Section);
        builder.Services.AddSingleton<JobsStatus>();
        builder.Services.AddSingleton<JobRegistry>();
        builder.Services.AddSingleton<JobStore>();
        builder.Services.AddSingleton<JobClaims>();
        builder.Services.AddSingleton<JobRunner>();
        builder.Services.AddSingleton<JobReader>();
        builder.Services.AddSingleton<JobControls>();
        builder.Services.AddSingleton<JobScheduler>();
        builder.Services.AddHostedService(services => services.GetRequiredService<JobScheduler>());
    }

    /// <summary>Adds a job: this line, and its class, are all that it takes.</summary>
    public static void AddJob<T>(this IServiceCollection services)
        where T : Job => services.AddSingleton<Job, T>();
}
