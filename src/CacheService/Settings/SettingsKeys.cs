using System.Reflection;

namespace CacheService.Settings;

/// <summary>Which keys an option class knows.</summary>
internal static class SettingsKeys
{
    /// <summary>The class of a list's items; null where an option is no list.</summary>
    public static Type? ItemsOf(PropertyInfo option) =>
        option.PropertyType is { IsGenericType: true } list && list.GetGenericTypeDefinition() == typeof(IList<>) ? list.GetGenericArguments()[0] : null;

    /// <summary>The paths of a section's keys that its class does not have.</summary>
    public static IEnumerable<string> Unknown(IConfigurationSection section, Type options)
    {
        foreach (var child in section.GetChildren())
        {
            var option = options.GetProperties().FirstOrDefault(property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (option is null)
            {
                yield return child.Path;
            }
            else if (ItemsOf(option) is { } item)
            {
                foreach (var path in child.GetChildren().SelectMany(entry => Unknown(entry, item)))
                {
                    yield return path;
                }
            }
        }
    }
}
