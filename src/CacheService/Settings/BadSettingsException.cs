namespace CacheService.Settings;

/// <summary>The settings cannot be used.</summary>
internal sealed class BadSettingsException(IReadOnlyList<string> errors) : Exception(string.Join("; ", errors))
{
    /// <summary>What is wrong, a line each.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
