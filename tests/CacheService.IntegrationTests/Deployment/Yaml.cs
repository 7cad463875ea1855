using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>YAML as a tree: merges are done, and all values are texts.</summary>
internal static class Yaml
{
    public static JsonNode Read(string file)
    {
        using var reader = File.OpenText(file);
        return Read(reader);
    }

    public static JsonNode Parse(string text)
    {
        using var reader = new StringReader(text);
        return Read(reader);
    }

    private static JsonNode Read(TextReader reader)
    {
        var tree = new DeserializerBuilder().Build().Deserialize<object>(new MergingParser(new Parser(reader)));
        return JsonNode.Parse(new SerializerBuilder().JsonCompatible().Build().Serialize(tree))!;
    }
}
