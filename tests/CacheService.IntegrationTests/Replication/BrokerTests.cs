using CacheService.IntegrationTests.Infrastructure;
using CacheService.Replication;

namespace CacheService.IntegrationTests.Replication;

[Parallelizable(ParallelScope.Self)]
internal sealed class BrokerTests
{
    [Test]
    public async Task Login_RefusedForAWhile_IsTriedUntilItIsTaken()
    {
        // So often the client library tries what is refused in the same words each time, and then never again.
        const int LibraryTries = 2;
        await using var nats = await NatsServer.RequireAsync(User("puck"));
        await using var broker = ReplicationSetUp.NewBroker(new NatsOptions { Url = nats.Url, User = "oberon", Password = "puck" });
        await broker.PrepareAsync(CancellationToken.None);

        await nats.RestartAsync(User("bottom"));
        await Wait.UntilAsync(
            async () => (await nats.ReadLogAsync()).Split("authentication error").Length - 1 > LibraryTries + 1, RunningService.Patience, "it is refused, again and again");
        await nats.RestartAsync(User("puck"));

        await Wait.UntilAsync(IsConnectedAsync, RunningService.Patience, "it is connected again");

        async Task<bool> IsConnectedAsync()
        {
            try
            {
                return await broker.ReadEndAsync(CancellationToken.None) is not null;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }

        static string User(string password) => $$"""authorization { users = [ { user: oberon, password: {{password}} } ] }""";
    }
}
