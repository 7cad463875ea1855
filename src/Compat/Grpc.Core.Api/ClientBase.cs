namespace Grpc.Core;

/// <summary>What all generated clients have in common.</summary>
public abstract partial class ClientBase
{
    /// <summary>For test doubles: there is no channel.</summary>
    protected ClientBase()
        : this(new Internal.UnimplementedCallInvoker())
    {
    }

    /// <summary>Creates a client over another one's configuration.</summary>
    protected ClientBase(ClientBaseConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Configuration = configuration;
        CallInvoker = configuration.CreateDecoratedCallInvoker();
    }

    /// <summary>Creates a client whose calls go over <paramref name="channel"/>.</summary>
    protected ClientBase(ChannelBase channel)
        : this((channel ?? throw new ArgumentNullException(nameof(channel))).CreateCallInvoker())
    {
    }

    /// <summary>Creates a client whose calls <paramref name="callInvoker"/> makes.</summary>
    protected ClientBase(CallInvoker callInvoker)
        : this(new ClientBaseConfiguration(callInvoker, null))
    {
    }

    /// <summary>Makes the calls.</summary>
    protected CallInvoker CallInvoker { get; }

    internal ClientBaseConfiguration Configuration { get; }
}
