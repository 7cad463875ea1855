namespace CacheService.Reading;

/// <summary>What a read asks for beyond "the cache as it is", and for how long it waits for that. The default asks for nothing, and waits for nothing.</summary>
/// <param name="Requirement">What it asks for; null: nothing.</param>
/// <param name="Deadline">When its caller gives up, in UTC; or <see cref="ReadDeadline.None"/>.</param>
/// <param name="Cancelled">Its caller gave up.</param>
internal readonly record struct ReadTerms(ReadRequirement? Requirement, DateTime Deadline, CancellationToken Cancelled);
