namespace CacheService.Settings;

/// <summary>Checks one section of the settings.</summary>
internal interface ISettingsCheck
{
    /// <summary>What is wrong with it, a line each.</summary>
    IReadOnlyList<string> FindErrors();
}
