using System.Globalization;
using System.Numerics;
using System.Text.Json;
using CacheService.Reading;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace CacheService.Api.Http;

/// <summary>Reads what a request says in words. What cannot be read is refused with words that say what to send instead.</summary>
internal static class HttpQuery
{
    /// <summary>Refuses names that a route does not have: a requirement that is misspelt must not be taken for none.</summary>
    public static void RequireKnown(IQueryCollection query, IEnumerable<string> known)
    {
        if (query.Keys.FirstOrDefault(key => !known.Contains(key)) is { } unknown)
        {
            throw Invalid($"there is no parameter '{unknown}' here; {(known.Any() ? $"there are {string.Join(", ", known)}" : "there is none")}");
        }
    }

    /// <summary>One value; null where there is none.</summary>
    public static string? Text(IQueryCollection query, string name) => query[name] switch
    {
        { Count: 0 } => null,
        [{ } only] => only,
        _ => throw Invalid($"{name} is there twice; send it once"),
    };

    /// <summary>A flag, which a name without a value sets.</summary>
    public static bool Flag(IQueryCollection query, string name) => Text(query, name) switch
    {
        null or "false" or "0" => false,
        "" or "true" or "1" => true,
        var other => throw Invalid($"{name} is '{other}'; write true or false"),
    };

    /// <summary>A length of time, as protobuf's JSON has it; null where there is none.</summary>
    public static Duration? Time(IQueryCollection query, string name)
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        try
        {
            return JsonParser.Default.Parse<Duration>(JsonSerializer.Serialize(text));
        }
        catch (InvalidProtocolBufferException)
        {
            throw Invalid($"{name} is '{text}'; write seconds, such as 1s or 0.25s");
        }
    }

    /// <summary>One of some names; the default where there is none.</summary>
    public static T OneOf<T>(IQueryCollection query, string name, params (string Name, T Value)[] all)
    {
        var text = Text(query, name);
        return text is null
            ? all[0].Value
            : all.FirstOrDefault(one => one.Name == text) is { Name: not null } found ? found.Value : throw Invalid($"{name} is '{text}'; use {string.Join(", ", all.Select(one => one.Name))}");
    }

    /// <summary>A whole number.</summary>
    public static T Number<T>(string name, string text)
        where T : IBinaryInteger<T>, IMinMaxValue<T> =>
        T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Invalid($"{name} is '{text}'; write a whole number up to {T.MaxValue}");

    /// <summary>Whole numbers with commas between them.</summary>
    public static IEnumerable<long> Numbers(IQueryCollection query, string name) =>
        from value in query[name] from text in value!.Split(',', StringSplitOptions.TrimEntries) select Number<long>(name, text);

    private static ReadRefusedException Invalid(string what) => ReadRefusedException.BadRequest(what);
}
