using System.CommandLine;

namespace CacheService.LoadTests.Options;

/// <summary>Options that take one number within a range.</summary>
internal static class NumberOption
{
    public static Option<T?> Create<T>(string name, T lowest, T highest, string description)
        where T : struct, IComparable<T>
    {
        var option = new Option<T?>(name) { HelpName = "N", Description = description };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T?>() is { } number && (number.CompareTo(lowest) < 0 || number.CompareTo(highest) > 0))
            {
                result.AddError($"{name} is {lowest} to {highest}");
            }
        });
        return option;
    }
}
