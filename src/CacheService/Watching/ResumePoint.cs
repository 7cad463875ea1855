namespace CacheService.Watching;

/// <summary>How far an earlier subscription got.</summary>
internal sealed record ResumePoint(string Epoch, ulong Revision);
