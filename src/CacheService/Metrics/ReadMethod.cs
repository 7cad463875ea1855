namespace CacheService.Metrics;

/// <summary>What is read, by the name of the API's method, over whatever protocol.</summary>
internal enum ReadMethod
{
    GetCounts,
    BatchGetCounts,
    ListTopCounts,
    ListDailyCounts,
    GetMessage,
}
