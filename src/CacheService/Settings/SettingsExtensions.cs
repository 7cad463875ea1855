using Microsoft.Extensions.Options;

namespace CacheService.Settings;

/// <summary>Binds option classes to their sections.</summary>
internal static class SettingsExtensions
{
    /// <summary>Binds a section, to be validated by <see cref="CheckSettings"/>.</summary>
    public static void AddSettings<TOptions, TValidator>(this IServiceCollection services, IConfiguration configuration, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        services.AddSettings<TOptions>(configuration, section);
    }

    /// <summary>Binds a section of which every value that can be read is good.</summary>
    public static void AddSettings<TOptions>(this IServiceCollection services, IConfiguration configuration, string section)
        where TOptions : class
    {
        services.Configure<TOptions>(configuration.GetSection(section));
        services.AddSingleton<ISettingsCheck>(provider =>
            new SettingsCheck<TOptions>(configuration.GetSection(section), () => provider.GetRequiredService<IOptions<TOptions>>().Value));
    }

    /// <summary>Validates all sections.</summary>
    /// <exception cref="BadSettingsException">Some setting is bad; it names all that are.</exception>
    public static void CheckSettings(this IServiceProvider services)
    {
        var errors = services.GetServices<ISettingsCheck>().SelectMany(check => check.FindErrors()).ToList();
        if (errors.Count > 0)
        {
            throw new BadSettingsException(errors);
        }
    }
}

/// <summary>The settings cannot be used.</summary>
internal sealed class BadSettingsException(IReadOnlyList<string> errors) : Exception(string.Join("; ", errors))
{
    /// <summary>What is wrong, a line each.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}

/// <summary>Checks one section of the settings.</summary>
internal interface ISettingsCheck
{
    /// <summary>What is wrong with it, a line each.</summary>
    IReadOnlyList<string> FindErrors();
}
