using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>The API keys, of which the service knows the hashes only.</summary>
internal sealed class ApiKeys(IOptions<SecurityOptions> options)
{
    // Longer ones are none of ours, and not worth hashing.
    private const int MaxKeyBytes = 512;

    private readonly (byte[] Hash, Caller Caller)[] _known =
        [.. options.Value.ApiKeys.Select(key => (Convert.FromHexString(key.Sha256), new Caller($"key {key.Name}", key.Rights)))];

    /// <summary>Whose key it is; null if nobody's. Takes as long for one as for the other.</summary>
    public Caller? Find(ReadOnlySpan<char> key)
    {
        Span<byte> bytes = stackalloc byte[MaxKeyBytes];
        if (!Encoding.UTF8.TryGetBytes(key, bytes, out var length))
        {
            return null;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..length], hash);
        Caller? found = null;
        foreach (var (knownHash, caller) in _known)
        {
            // No early end: the time must not tell where in the list a key is, or how much of a hash is right.
            if (CryptographicOperations.FixedTimeEquals(hash, knownHash))
            {
                found = caller;
            }
        }

        return found;
    }
}
