using CacheService.Settings;

namespace CacheService.Auditing;

/// <summary>Registers the audits.</summary>
internal static class AuditServices
{
    /// <summary>Adds the auditor.</summary>
    public static void AddAuditing(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<AuditOptions, AuditOptionsValidator>(builder.Configuration, AuditOptions.Section);
        builder.Services.AddSingleton<AuditedFeed>();
        builder.Services.AddSingleton<RangeAudit>();
        builder.Services.AddSingleton<DaysAudit>();
        builder.Services.AddSingleton<TriggersWarning>();
        builder.Services.AddSingleton<AuditRun>();
        builder.Services.AddSingleton<Auditor>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Auditor>());
    }
}
