using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The service as its image has it: made by the image's own command, in a folder that goes with this.</summary>
internal sealed class PublishedService : IDisposable
{
    private readonly string _root = TestFolders.NewPath();

    private PublishedService()
    {
    }

    public string Folder => Path.Combine(_root, "published");

    public static async Task<PublishedService> CreateAsync()
    {
        var published = new PublishedService();
        var (command, target) = Dockerfile.Publish;
        // What it builds on the way lies in a folder of its own too, because what the tests run stays as it is.
        string[] arguments = [.. command[1..].Select(word => word == target ? published.Folder : word), "--artifacts-path", Path.Combine(published._root, "artifacts")];
        try
        {
            await Sdk.RunAsync(SourceFolder.Root, [.. arguments, "-nodeReuse:false", "-p:UseSharedCompilation=false"]);
            return published;
        }
        catch
        {
            published.Dispose();
            throw;
        }
    }

    public void Dispose() => TestFolders.Delete(_root);
}
