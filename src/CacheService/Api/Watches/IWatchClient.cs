using CacheService.Api.Messages;

namespace CacheService.Api.Watches;

/// <summary>Who watches, at the other end of a stream of some protocol.</summary>
internal interface IWatchClient
{
    /// <summary>Cancelled when the client has ended the stream, or is gone.</summary>
    CancellationToken Gone { get; }

    /// <summary>Tells it something; completes when there is room for more, or when the client is gone.</summary>
    Task WriteAsync(WatchReply reply);

    /// <summary>Tears the stream down, with what has not been taken.</summary>
    void Abort();
}
