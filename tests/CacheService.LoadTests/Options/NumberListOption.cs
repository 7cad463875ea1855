using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace CacheService.LoadTests.Options;

/// <summary>Options that take numbers such as 1,8,64.</summary>
internal static class NumberListOption
{
    public static Option<IReadOnlyList<int>?> Create(string name, int highest, string description) => new(name)
    {
        HelpName = "N,N,…",
        Description = description,
        CustomParser = argument => Parse(argument, highest),
    };

    private static List<int>? Parse(ArgumentResult argument, int highest)
    {
        var numbers = new List<int>();
        foreach (var word in argument.Tokens[0].Value.Split(','))
        {
            if (!int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1 || number > highest)
            {
                argument.AddError($"'{word}' is not a number from 1 to {highest}");
                return null;
            }

            numbers.Add(number);
        }

        if (numbers.Distinct().Count() < numbers.Count)
        {
            argument.AddError("a number is there twice");
            return null;
        }

        return numbers;
    }
}
