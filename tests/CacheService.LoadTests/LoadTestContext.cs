using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Options;
using CacheService.LoadTests.Reporting;
using CacheService.LoadTests.Truth;

namespace CacheService.LoadTests;

/// <summary>What the parts share.</summary>
internal sealed record LoadTestContext(
    LoadTestOptions Options, LoadTestServer Server, ToolPrograms Programs, ViewComparison Comparison, TemporaryFolder Folder, ProgressLine Progress);
