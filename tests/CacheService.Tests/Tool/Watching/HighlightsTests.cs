using CacheService.Client;
using CacheService.Tool.Watching;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Tool.Watching;

public sealed class HighlightsTests
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Of_NumbersThatChange_StandOutForTwoSeconds()
    {
        var highlights = new Highlights(_time);
        Assert.That(highlights.Of(new MessageCounts(1, 5, 5, 1)), Is.EqualTo((0, 0)), "the first numbers are no news");
        Assert.That(highlights.Of(new MessageCounts(1, 6, 4, 2)), Is.EqualTo((1, -1)));

        _time.Advance(TimeSpan.FromSeconds(1.5));
        Assert.That(highlights.Of(new MessageCounts(1, 6, 3, 3)), Is.EqualTo((1, -1)));

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(highlights.Of(new MessageCounts(1, 6, 3, 3)), Is.EqualTo((0, -1)));
    }

    [Test]
    public void Keep_OtherMessages_AreForgotten()
    {
        var highlights = new Highlights(_time);
        highlights.Of(new MessageCounts(1, 5, 5, 1));
        highlights.Of(new MessageCounts(2, 5, 5, 1));
        highlights.Keep([2]);

        Assert.That(highlights.Of(new MessageCounts(1, 6, 6, 2)), Is.EqualTo((0, 0)));
        Assert.That(highlights.Of(new MessageCounts(2, 6, 6, 2)), Is.EqualTo((1, 1)));
    }
}
