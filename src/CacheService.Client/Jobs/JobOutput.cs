namespace CacheService.Client.Jobs;

/// <summary>Something that a run has made, such as a report.</summary>
/// <param name="Name">Its name, as of a file.</param>
/// <param name="ContentType">What kind of text it is, such as text/csv.</param>
/// <param name="Content">The text.</param>
public sealed record JobOutput(string Name, string ContentType, string Content);
