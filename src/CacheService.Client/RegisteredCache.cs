namespace CacheService.Client;

/// <summary>A cache that is registered with the database.</summary>
/// <param name="Name">Begins with its host and its process id.</param>
/// <param name="IsSelf">Whether it is the one that answered.</param>
/// <param name="IsLoaded">Whether it has loaded its counts.</param>
/// <param name="Heard">How long ago the database heard of it.</param>
public sealed record RegisteredCache(string Name, bool IsSelf, bool IsLoaded, TimeSpan Heard);
