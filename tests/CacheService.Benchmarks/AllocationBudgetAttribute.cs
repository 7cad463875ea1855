namespace CacheService.Benchmarks;

/// <summary>The most bytes that one operation of a benchmark may allocate.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class AllocationBudgetAttribute(long bytes) : Attribute
{
    public long Bytes { get; } = bytes;
}
