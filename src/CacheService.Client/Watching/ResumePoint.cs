namespace CacheService.Client.Watching;

/// <summary>How far a watch has got: everything up to this revision of this epoch has been received.</summary>
internal readonly record struct ResumePoint(string Epoch, ulong Revision);
