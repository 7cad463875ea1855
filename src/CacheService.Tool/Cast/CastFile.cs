using System.Text.Json;

namespace CacheService.Tool.Cast;

/// <summary>The embedded cast.json.</summary>
internal static class CastFile
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public static IReadOnlyList<CastMember> Read()
    {
        using var file = typeof(CastFile).Assembly.GetManifestResourceStream("cast.json")
            ?? throw new InvalidOperationException("cast.json is not embedded in the assembly.");
        return JsonSerializer.Deserialize<List<CastMember>>(file, Format)!;
    }
}
