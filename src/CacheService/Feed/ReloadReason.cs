namespace CacheService.Feed;

/// <summary>Why all counts must be loaded afresh.</summary>
/// <param name="Why">In words.</param>
/// <param name="RegisterAfresh">Whether changes may have gone unrecorded, so that registering comes first.</param>
internal sealed record ReloadReason(string Why, bool RegisterAfresh);
