namespace CacheService.Watching;

/// <summary>What <see cref="WatchContent"/> is encoded to.</summary>
internal enum WatchEncoding
{
    Protobuf,
    Json,
}
