using CacheService.Counts;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>What this service publishes.</summary>
/// <param name="Chain">The chain.</param>
/// <param name="Tenure">This service's.</param>
/// <param name="Number">The chain's last frame.</param>
/// <param name="Outbox">Has the latest frames.</param>
internal sealed record Publication(string Chain, ulong Tenure, ulong Number, Outbox Outbox)
{
    /// <summary>An answer to what does not depend on the frame.</summary>
    public Answer NewAnswer() => new() { Chain = Chain, Tenure = Tenure, Number = Number };

    /// <summary>The answer that the last frame has a version's state.</summary>
    /// <param name="version">The version.</param>
    /// <param name="nextFrame">From where on the frames are wanted; 0: they are not.</param>
    /// <param name="maxBytes">How much of them.</param>
    public Answer NewAnswer(CountsVersion version, ulong nextFrame, int maxBytes)
    {
        var answer = NewAnswer();
        answer.Snapshot = version.Snapshot.ToString();
        if (nextFrame > 0)
        {
            answer.Frames.AddRange(Outbox.From(nextFrame, maxBytes));
        }

        return answer;
    }
}
