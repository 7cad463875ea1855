using CacheService.Feed;
using CacheService.Reading;
using Google.Protobuf;
using NATS.Client.Core;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>What a follower without a database asks the publisher, beside the age of its counts. Thread-safe.</summary>
internal sealed class PublisherQuestions(Broker broker) : ITransactionIds, ITextSource, ICacheLister
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async Task<bool> IsAssignedAsync(ulong xid, CancellationToken cancellationToken) => (await AskAsync(new Question { TransactionId = xid }, cancellationToken)).IsAssigned;

    /// <inheritdoc/>
    public async Task<MessageText?> ReadAsync(long messageId, CancellationToken cancellationToken) =>
        (await AskAsync(new Question { TextOf = messageId }, cancellationToken)).Text is { } text ? new MessageText(text.Author, text.Text, text.PostedAt) : null;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<CacheEntry>> ListAsync(CancellationToken cancellationToken) =>
    [
        .. (await AskAsync(new Question { Caches = true }, cancellationToken)).Caches.Caches.Select(cache => new CacheEntry(cache.Name, cache.Loaded, cache.Heard.ToTimeSpan())
        {
            IsSelf = cache.Name == broker.Name,
            Publishes = cache.Publishes,
            Follows = cache.Follows,
            Age = cache.Age?.ToTimeSpan(),
        }),
    ];

    private async Task<Answer> AskAsync(Question question, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await broker.AskAsync(question, Patience, cancellationToken);
            return answer.Error.Length == 0 ? answer : throw new ReadRefusedException(ReadRefusal.FeedUnavailable, $"the publisher could not answer: {answer.Error}");
        }
        catch (Exception e) when (e is NatsException or TimeoutException or InvalidProtocolBufferException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new ReadRefusedException(ReadRefusal.FeedUnavailable, $"the publisher, whom this service asks for that, does not answer ({e.Message}); try again in a moment");
        }
    }
}
