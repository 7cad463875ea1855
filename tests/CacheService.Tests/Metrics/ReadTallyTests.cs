using System.Diagnostics.Metrics;
using CacheService.Metrics;

namespace CacheService.Tests.Metrics;

/// <summary>Each processor counts for itself, and no read is lost or counted as another.</summary>
internal sealed class ReadTallyTests
{
    [Test]
    public void Reads_OfManyThreads_AreAllCounted()
    {
        const int Threads = 8, Each = 50_000;
        using var meter = new Meter("of this test");
        var tally = new ReadTally(meter, "reads", "{read}", "Reads.", new MetricTag<ReadMethod>("method"), new MetricTag<ReadKind>("requirement"));
        Parallel.For(0, Threads, new ParallelOptions { MaxDegreeOfParallelism = Threads }, thread =>
        {
            for (var i = 0; i < Each; i++)
            {
                tally.Increment(thread % 2 == 0 ? ReadMethod.GetCounts : ReadMethod.GetMessage, thread % 2 == 0 ? ReadKind.None : ReadKind.Database);
            }
        });

        var counted = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter == meter)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counted.Add($"{tags[0].Key}={tags[0].Value} {tags[1].Key}={tags[1].Value}", value));
        listener.Start();
        listener.RecordObservableInstruments();

        Assert.That(counted, Has.Count.EqualTo(Enum.GetValues<ReadMethod>().Length * Enum.GetValues<ReadKind>().Length), "each is there, also as zero");
        Assert.That(counted.Where(one => one.Value > 0), Is.EquivalentTo(new Dictionary<string, long>
        {
            ["method=get_counts requirement=none"] = Threads / 2 * Each,
            ["method=get_message requirement=database"] = Threads / 2 * Each,
        }));
        Assert.That(tally.Total, Is.EqualTo(Threads * Each));
    }
}
