using Microsoft.Extensions.Options;

namespace CacheService.Settings;

/// <summary>Checks that a section has only keys that its class knows, with values that can be read and lie in their ranges.</summary>
internal sealed class SettingsCheck<TOptions>(IConfigurationSection section, Func<TOptions> read) : ISettingsCheck
{
    public IReadOnlyList<string> FindErrors()
    {
        var errors = SettingsKeys.FindErrors(section, typeof(TOptions)).ToList();
        try
        {
            read();
        }
        catch (OptionsValidationException e)
        {
            errors.AddRange(e.Failures);
        }
        catch (InvalidOperationException e)
        {
            // The binder's: a value that is not of the setting's type.
            errors.Add(e.Message);
        }

        return errors;
    }
}
