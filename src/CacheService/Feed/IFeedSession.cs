using CacheService.Postgres;

namespace CacheService.Feed;

/// <summary>Opens sessions with the database.</summary>
internal interface IFeedSessions
{
    /// <summary>Opens a session, whose schema is looked at. It listens before this returns, so that whatever is read afterwards lacks no bell.</summary>
    /// <param name="isFirst">Whether there was none yet: then the schema may be installed.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="DatabaseSetupException">The schema is missing, or of another version.</exception>
    Task<IFeedSession> OpenAsync(bool isFirst, CancellationToken cancellationToken);
}

/// <summary>A session with the database: where changes are read, and bells are heard.</summary>
internal interface IFeedSession : IAsyncDisposable
{
    /// <summary>Where changes are read.</summary>
    IChangeSource Changes { get; }

    /// <summary>The server's version, as it names it.</summary>
    string ServerVersion { get; }

    /// <summary>Whether there is a listener. Behind a pooler of transactions there is none, because LISTEN would be left to others.</summary>
    bool IsListening { get; }

    /// <summary>Ends what is done with the session, for a reason. Only the first counts. Thread-safe.</summary>
    void Break(Exception reason);

    /// <summary>Reads what stands in the way of the counts.</summary>
    Task<BaselineProblems> ReadProblemsAsync(CancellationToken cancellationToken);

    /// <summary>Reads what the counts stand on.</summary>
    Task<Baseline> ReadBaselineAsync(CancellationToken cancellationToken);

    /// <summary>Creates triggers that new partitions lack.</summary>
    Task MendTriggersAsync(CancellationToken cancellationToken);
}
