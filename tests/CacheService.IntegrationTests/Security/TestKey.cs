using System.Security.Cryptography;
using System.Text;

namespace CacheService.IntegrationTests.Security;

/// <summary>An API key with some rights, and the settings that make the service know it.</summary>
internal sealed class TestKey(int index, string name, string rights)
{
    public string Key { get; } = $"twc_{Guid.NewGuid():N}";

    public string[] Settings =>
    [
        $"--Security:ApiKeys:{index}:Name={name}",
        $"--Security:ApiKeys:{index}:Sha256={Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))}",
        $"--Security:ApiKeys:{index}:Rights={rights}",
    ];
}
