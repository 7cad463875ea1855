using CacheService.Jobs;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.Jobs;

internal sealed class RunLogTests
{
    [Test]
    public void Lines_UntilTheyAreForgotten_AreUnsaved()
    {
        var log = new RunLog(new FakeTimeProvider());
        log.Add("one");
        log.Add("two");
        var unsaved = log.Unsaved();
        log.Add("three");
        Assert.That(unsaved.Select(line => (line.Line, line.Text)), Is.EqualTo(new[] { (1, "one"), (2, "two") }));
        log.Forget(unsaved);
        Assert.That(log.Unsaved().Select(line => (line.Line, line.Text)), Is.EqualTo(new[] { (3, "three") }));
    }

    [Test]
    public void Lines_AfterTheLast_AreLeftOutAndTheLogSaysSo()
    {
        var log = new RunLog(new FakeTimeProvider());
        for (var i = 0; i < 20_000; i++)
        {
            log.Add("again");
        }

        var lines = log.Unsaved();
        Assert.That((lines.Count, lines[^1].Text), Is.EqualTo((10_000, "what is logged after this is left out")));
    }

    // No attribute can hold half a character.
    [Test]
    public void Clean_OfWhatADatabaseCannotHold_CanBeHeld() => Assert.That(RunLog.Clean("a\0b, half \ud83d"), Is.EqualTo("a b, half \ufffd"));
}
