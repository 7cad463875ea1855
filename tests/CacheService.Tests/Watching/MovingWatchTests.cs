using CacheService.Watching;
using Microsoft.AspNetCore.Builder;

namespace CacheService.Tests.Watching;

/// <summary>Watches that are cut off anywhere, in the middle of what is told at one time too, and go on at services that are ahead or behind.</summary>
internal sealed class MovingWatchTests
{
    private const int Messages = 3 * WatchContent.MaxEntries;
    private const int Revisions = 120;
    private const int Followers = 4;

    [Test]
    public async Task Watch_ThatMovesBetweenFollowersAtRandom_NeverGoesBackAndEndsWithTheTruth([Values] bool ofAll, [Values(1, 3)] int chainCount)
    {
        var seed = Random.Shared.Next();
        await TestContext.Progress.WriteLineAsync($"seed {seed}");
        var random = new Random(seed);
        var chains = new List<RandomChain>();
        while (chains.Count < chainCount)
        {
            chains.Add(new RandomChain($"epoch{chains.Count}", Messages, Revisions / chainCount, chains.LastOrDefault(), random));
        }

        await using var app = WebApplication.CreateSlimBuilder().Build();
        var time = new LeapingTime();
        // One of them forgets so soon which messages went that it resets those who come late.
        var followers = Enumerable.Range(0, Followers).Select(n => new Follower(chains, n == 0 ? 500 : 1_000_000, isWatched: n < 2, app.Lifetime, time)).ToList();
        using var client = new MovingClient(ofAll ? null : [.. chains[0].MessageIds.Where(_ => random.Next(5) > 0)], chains.ToDictionary(chain => chain.Epoch));
        var (streams, behind, synced) = (0, 0, 0);
        while (followers.Exists(follower => follower.Version.Epoch != chains[^1].Epoch || follower.Version.Revision < chains[^1].Last))
        {
            var follower = followers[random.Next(Followers)];
            var catchesUp = random.Next(2) * random.Next(1, 5);
            var watching = client.WatchAsync(
                follower.Streams,
                random.Next(3) == 0 ? TimeSpan.FromSeconds(random.Next(10)) : null,
                messages: random.Next(1, 12),
                () => followers[random.Next(Followers)].Advance(random.Next(3)));
            if (!watching.IsCompleted)
            {
                // It waits for this one to catch up.
                follower.Advance(catchesUp);
            }

            behind += (await watching)?.Message.StartsWith("this service is behind", StringComparison.Ordinal) == true ? 1 : 0;
            synced += client.Synced is null ? 0 : 1;
            streams++;
            Assert.That(client.Violations, Is.Empty, $"seed {seed}, stream {streams}");
        }

        await client.WatchAsync(followers[random.Next(Followers)].Streams, null, messages: 40, static () => { });
        Assert.That(client.Violations, Is.Empty, $"seed {seed}, the last stream");
        Assert.That(client.Synced, Is.EqualTo((chains[^1].Epoch, chains[^1].Last)));
        await TestContext.Progress.WriteLineAsync($"{streams} streams, {synced} of them synced, {behind} refused, {client.CutOffAhead} cut off ahead of what they resume from, {client.Resets} resets");
        Assert.That(behind, Is.Positive, "the client came to services that were behind");
        Assert.That(client.CutOffAhead, Is.Positive, "it was cut off in the middle");
        followers.ForEach(follower => follower.Dispose());
    }

    /// <summary>It is later each time somebody looks: nobody waits long, and there always is something to say.</summary>
    private sealed class LeapingTime : TimeProvider
    {
        private long _now;

        public override long GetTimestamp() => Interlocked.Add(ref _now, TimestampFrequency);
    }
}
