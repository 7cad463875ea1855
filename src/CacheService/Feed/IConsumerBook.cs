namespace CacheService.Feed;

/// <summary>The change log's books: which consumers it keeps changes for.</summary>
internal interface IConsumerBook : ICacheLister
{
    /// <summary>Registers a consumer, under a new name, and starts the lease.</summary>
    /// <param name="baseline">What the counts are to stand on.</param>
    /// <param name="trustsOthers">Whether another loaded consumer shows that everything is recorded; not where the trigger functions have just been replaced.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task<Registration> RegisterAsync(Baseline baseline, bool trustsOthers, CancellationToken cancellationToken);

    /// <summary>Extends the lease, and notes how far a consumer has got.</summary>
    /// <returns>The epoch second up to which the lease is known to hold; zero: a later renewal has overtaken this one; null: not registered any more.</returns>
    Task<long?> RenewAsync(Renewal renewal, CancellationToken cancellationToken);

    /// <summary>Waits for transactions that began before the lease was set.</summary>
    /// <param name="waiting">Told what it waits for, now and then.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task WaitForEarlierTransactionsAsync(Action<string> waiting, CancellationToken cancellationToken);
}

/// <summary>One renewal of a registration.</summary>
/// <param name="Consumer">The consumer's name.</param>
/// <param name="Number">The renewal's number.</param>
/// <param name="Confirmed">The number of the last one that the server has confirmed.</param>
/// <param name="Reached">The consumer's snapshot, as text; null before its load.</param>
/// <param name="IsWaiting">Whether the consumer has not begun to load.</param>
internal readonly record struct Renewal(string Consumer, long Number, long Confirmed, string? Reached, bool IsWaiting);
