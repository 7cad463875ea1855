using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace CacheService.Api.Page;

/// <summary>The files of the operator's page, which are in the program itself.</summary>
internal sealed class PageFiles
{
    private const string Prefix = "page/";
    private const string IndexName = "index.html";

    private readonly Dictionary<string, PageFile> _files;

    /// <summary>Reads them.</summary>
    /// <param name="hasJobs">Whether the page shows jobs.</param>
    public PageFiles(bool hasJobs)
    {
        var program = Assembly.GetExecutingAssembly();
        var contents = program.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .ToDictionary(name => name[Prefix.Length..], name => Read(program, name));
        Version = Convert.ToHexStringLower(SHA256.HashData([.. contents.SelectMany(file => file.Value)]))[..16];
        // What the page loads has the version in its address: so a browser keeps it for ever, and never mixes two versions.
        var index = Encoding.UTF8.GetString(contents[IndexName]).Replace("{version}", Version, StringComparison.Ordinal).Replace("{jobs}", hasJobs ? "true" : "false", StringComparison.Ordinal);
        contents[IndexName] = Encoding.UTF8.GetBytes(index);
        _files = contents.ToDictionary(file => file.Key, file => new PageFile(file.Value, TypeOf(file.Key), TagOf(file.Value)));
    }

    /// <summary>Another one when a file is another.</summary>
    public string Version { get; }

    /// <summary>The page itself.</summary>
    public PageFile Index => _files[IndexName];

    /// <summary>A file of the page; null: there is none of that name.</summary>
    public PageFile? Find(string name) => _files.GetValueOrDefault(name);

    private static byte[] Read(Assembly program, string name)
    {
        using var file = new MemoryStream();
        using var resource = program.GetManifestResourceStream(name)!;
        resource.CopyTo(file);
        return file.ToArray();
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        var other => throw new NotSupportedException($"{name}: say what type {other} is"),
    };

    private static EntityTagHeaderValue TagOf(byte[] content) => new($"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"");
}

/// <summary>A file of the page.</summary>
internal sealed record PageFile(byte[] Content, string ContentType, EntityTagHeaderValue Tag);
