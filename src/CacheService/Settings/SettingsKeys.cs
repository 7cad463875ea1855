using System.Reflection;

namespace CacheService.Settings;

/// <summary>Which keys an option class knows.</summary>
internal static class SettingsKeys
{
    /// <summary>The class of a list's items; null where an option is no list.</summary>
    public static Type? ItemsOf(PropertyInfo option) =>
        option.PropertyType is { IsGenericType: true } list && list.GetGenericTypeDefinition() == typeof(IList<>) ? list.GetGenericArguments()[0] : null;

    /// <summary>What is wrong with a section's keys, a line each: what its class does not have, and items of lists that the binder would drop without a word.</summary>
    public static IEnumerable<string> FindErrors(IConfigurationSection section, Type options)
    {
        foreach (var child in section.GetChildren())
        {
            var option = options.GetProperties().FirstOrDefault(property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase));
            if (option is null)
            {
                yield return $"{child.Path} is no setting; --help lists them";
            }
            else if (ItemsOf(option) is { } item)
            {
                foreach (var error in FindErrorsOfList(child, item))
                {
                    yield return error;
                }
            }
        }
    }

    private static IEnumerable<string> FindErrorsOfList(IConfigurationSection list, Type item)
    {
        var entries = list.GetChildren().ToList();
        if (list.Value is { Length: > 0 } || entries.Any(entry => entry.Value is { Length: > 0 }))
        {
            yield return $"{list.Path} is a list: write {string.Join(", ", item.GetProperties().Select(property => $"{list.Path}:0:{property.Name}"))}";
        }

        foreach (var entry in entries)
        {
            foreach (var error in FindErrors(entry, item))
            {
                yield return error;
            }

            if (BindingError(entry, item) is { } misread)
            {
                yield return misread;
            }
        }
    }

    private static string? BindingError(IConfigurationSection entry, Type item)
    {
        try
        {
            entry.Get(item);
            return null;
        }
        catch (InvalidOperationException e)
        {
            return e.Message;
        }
    }
}
