using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The service as its image has it: made by the image's own command, in a folder that goes with this.</summary>
internal sealed class PublishedService : IDisposable
{
    private PublishedService(string folder) => Folder = folder;

    public string Folder { get; }

    public static async Task<PublishedService> CreateAsync()
    {
        var published = new PublishedService(TestFolders.NewPath());
        var (command, target) = Dockerfile.Publish;
        string[] arguments = [.. command[1..].Select(word => word == target ? published.Folder : word == "Release" ? SourceFolder.Configuration : word)];
        // What was built for the tests is what is published.
        await Sdk.RunAsync(SourceFolder.Root, [.. arguments, "--no-build", "-nodeReuse:false"]);
        return published;
    }

    public void Dispose() => TestFolders.Delete(Folder);
}
