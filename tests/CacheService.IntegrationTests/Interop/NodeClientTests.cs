using CacheService.IntegrationTests.Infrastructure;

namespace CacheService.IntegrationTests.Interop;

/// <summary>The service as the gRPC of Node.js sees it, which is written in JavaScript and shares no code with ours or Python's.</summary>
internal sealed class NodeClientTests
{
    [OneTimeSetUp]
    public Task FindNode() => Node.RequireAsync();

    [TestCase("counts")]
    [TestCase("standard_services")]
    public async Task Service_FromNode_AnswersAndFailsAsItPromises(string program)
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await InteropService.StartWithMessagesAsync(database);
        await Node.RunAsync(program, database, service.GrpcAddress.Authority);
        await service.AssertEqualsViewAsync(database);
    }
}
