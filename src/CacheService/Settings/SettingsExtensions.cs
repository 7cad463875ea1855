using Microsoft.Extensions.Options;

namespace CacheService.Settings;

/// <summary>Binds option classes to their sections.</summary>
internal static class SettingsExtensions
{
    /// <summary>Binds and validates a section at start. A key that the class does not have is an error: it is a slip of the pen.</summary>
    public static void AddSettings<TOptions, TValidator>(this IServiceCollection services, IConfiguration configuration, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        services.AddOptions<TOptions>()
            .Bind(configuration.GetSection(section), binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
    }
}
