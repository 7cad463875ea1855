namespace CacheService.Reading;

/// <summary>A read is not answered; the message says why and what to do.</summary>
internal sealed class ReadRefusedException(ReadRefusal refusal, string message) : Exception(message)
{
    /// <summary>What kind of refusal it is.</summary>
    public ReadRefusal Refusal { get; } = refusal;

    /// <summary>What is asked for no read can have.</summary>
    public static ReadRefusedException BadRequest(string what) => new(ReadRefusal.BadRequest, what);

    /// <summary>There is no such message.</summary>
    public static ReadRefusedException NoSuchMessage(long messageId) => new(ReadRefusal.NoSuchMessage, $"there is no message {messageId}");

    /// <summary>A read before the first load.</summary>
    /// <param name="detail">What the feed is doing.</param>
    public static ReadRefusedException NotLoaded(string detail) => new(ReadRefusal.NotLoaded, $"{detail}; try again in a moment");
}
