namespace CacheService.Feed;

/// <summary>A read's requirement could not be met; the message says why and what to do.</summary>
internal sealed class RequirementNotMetException(RequirementFailure failure, string message) : Exception(message)
{
    /// <summary>What kind of failure it is.</summary>
    public RequirementFailure Failure { get; } = failure;
}
