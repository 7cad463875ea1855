namespace Grpc.Core;

/// <summary>A connection, or many, to one target.</summary>
public abstract class ChannelBase
{
    /// <summary>Creates a channel to <paramref name="target"/>.</summary>
    protected ChannelBase(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
    }

    /// <summary>What the channel was created for.</summary>
    public string Target { get; }

    /// <summary>An invoker whose calls go over this channel.</summary>
    public abstract CallInvoker CreateCallInvoker();

    /// <summary>Closes the channel.</summary>
    public Task ShutdownAsync() => ShutdownAsyncCore();

    /// <summary>Closes the channel; by default there is nothing to close.</summary>
    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}
