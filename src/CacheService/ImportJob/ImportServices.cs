using CacheService.Jobs;
using CacheService.Settings;

namespace CacheService.ImportJob;

/// <summary>Registers the import of files.</summary>
internal static class ImportServices
{
    /// <summary>Adds the job, and what it needs.</summary>
    public static void AddImportJob(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<ImportOptions, ImportOptionsValidator>(builder.Configuration, ImportOptions.Section);
        builder.Services.AddSingleton<ImportFolder>();
        builder.Services.AddJob<ImportFiles>();
    }
}
