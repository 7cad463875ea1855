using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>A time for which this service publishes a chain: where the chain is, and its frames. One publisher.</summary>
internal sealed class Tenure : IDisposable
{
    private readonly Broker _broker;
    private readonly TimeProvider _time;

    /// <summary>What all parts of the last frame have.</summary>
    private Frame _last;

    /// <summary>Begins one.</summary>
    /// <param name="broker">Who has the stream.</param>
    /// <param name="after">The frame that it goes on after; what is not of that frame is what all frames of the tenure have.</param>
    /// <param name="sequence">The last sequence in the stream.</param>
    /// <param name="own">The drain of this cache from which the next frame goes on.</param>
    /// <param name="predecessor">The publisher of the frame before; 0: there is none.</param>
    /// <param name="ringerTerm">The term for which this cache is the ringer.</param>
    /// <param name="time">The time.</param>
    /// <param name="logger">Told where the stream takes none.</param>
    public Tenure(Broker broker, Frame after, ulong sequence, DrainMark own, uint predecessor, int ringerTerm, TimeProvider time, ILogger logger)
    {
        (_broker, _last, Own, Predecessor, RingerTerm, _time, MadeAt) = (broker, after, own, predecessor, ringerTerm, time, time.GetTimestamp());
        Outbox = new Outbox(broker, sequence, after.Number, own, time, logger);
    }

    /// <summary>Its frames.</summary>
    public Outbox Outbox { get; }

    /// <summary>The chain.</summary>
    public string Chain => _last.Chain;

    /// <summary>The generation of the log that it is of.</summary>
    public string LogIdentity => _last.LogIdentity;

    /// <summary>Its number, which no other has.</summary>
    public ulong Number => _last.Tenure;

    /// <summary>Who published before; 0: nobody did.</summary>
    public uint Predecessor { get; }

    /// <summary>The term of this cache as the ringer for which it was begun.</summary>
    public int RingerTerm { get; }

    /// <summary>The drain of this cache whose state the last frame has.</summary>
    public DrainMark Own { get; private set; }

    /// <summary>When the last frame was made.</summary>
    public long MadeAt { get; private set; }

    /// <summary>What is published, up to the last frame.</summary>
    public Publication Publication => new(Chain, Number, _last.Number, Outbox);

    /// <summary>Makes the next frame.</summary>
    public void Make(DrainSum news)
    {
        var header = _last.Clone();
        header.Number++;
        header.Revision += news.IsEmpty ? 0ul : 1;
        (header.SnapshotBefore, header.Snapshot) = (_last.Snapshot, news.Version.Snapshot.ToString());
        Outbox.Add(Frames.Write(header, news, Frames.EntriesPerPart(_broker.MaxPayload)), news.Latest);
        (_last, Own, MadeAt) = (header, news.Latest, _time.GetTimestamp());
    }

    /// <summary>A frame that objects to a rival's.</summary>
    public Frame NewObjection() => new() { Parts = 1, Tenure = Number, Snapshot = _last.Snapshot, LogIdentity = _last.LogIdentity, Publisher = _last.Publisher };

    /// <inheritdoc/>
    public void Dispose() => Outbox.Dispose();
}
