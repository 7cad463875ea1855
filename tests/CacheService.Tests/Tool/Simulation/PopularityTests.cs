using CacheService.Tool.Simulation;

namespace CacheService.Tests.Tool.Simulation;

public sealed class PopularityTests
{
    private const int Messages = 100;

    private readonly Random _random = new(1);

    [Test]
    public void At_ManyDraws_FollowZipfsLaw()
    {
        var popularity = Create(Messages);
        var drawn = new Dictionary<long, int>();
        const int Draws = 200_000;
        for (var i = 0; i < Draws; i++)
        {
            var id = popularity.At(_random.NextDouble());
            drawn[id] = drawn.GetValueOrDefault(id) + 1;
        }

        var counts = drawn.Values.OrderDescending().ToList();
        var harmonic = Enumerable.Range(1, Messages).Sum(k => 1.0 / k);
        Assert.That(drawn, Has.Count.EqualTo(Messages));
        foreach (var rank in new[] { 1, 2, 5, 20 })
            Assert.That(counts[rank - 1], Is.EqualTo(Draws / (rank * harmonic)).Within(8).Percent, $"rank {rank}");
    }

    [Test]
    public void At_Edges_AreTheFirstAndTheLastRank()
    {
        var popularity = Create(3);

        var ranks = new[] { 0, 1 / (11.0 / 6), Math.BitDecrement(1.0) }.Select(popularity.At).ToList();

        Assert.That(ranks, Is.Unique);
    }

    [Test]
    public void Add_KnownMessage_ChangesNothing()
    {
        var popularity = Create(5);
        var first = popularity.At(0);

        for (var id = 1; id <= 5; id++)
            popularity.Add(id, _random);

        Assert.That(popularity.Count, Is.EqualTo(5));
        Assert.That(popularity.At(0), Is.EqualTo(first));
    }

    [Test]
    public void Add_NewMessages_CanBecomeTheMostPopular()
    {
        var popularity = Create(1);

        for (var id = 2; id <= 100; id++)
            popularity.Add(id, _random);

        Assert.That(popularity.At(0), Is.Not.EqualTo(1));
    }

    [Test]
    public void Remove_EachMessage_NeverComesUpAgain()
    {
        var popularity = Create(10);
        for (var removed = 1; removed < 10; removed++)
        {
            popularity.Remove(removed);

            Assert.That(popularity.Count, Is.EqualTo(10 - removed));
            Assert.That(Enumerable.Range(0, 200).Select(i => popularity.At(i / 200.0)), Has.All.GreaterThan(removed));
        }
    }

    private Popularity Create(int messages)
    {
        var popularity = new Popularity();
        for (var id = 1; id <= messages; id++)
            popularity.Add(id, _random);
        return popularity;
    }
}
