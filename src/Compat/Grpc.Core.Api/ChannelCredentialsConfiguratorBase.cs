namespace Grpc.Core;

/// <summary>Through this a client learns what a <see cref="ChannelCredentials"/> consists of.</summary>
public abstract class ChannelCredentialsConfiguratorBase
{
    /// <summary>The channel is not encrypted.</summary>
    public abstract void SetInsecureCredentials(object? state);

    /// <summary>The channel uses TLS; null stands for the default of each argument.</summary>
    public abstract void SetSslCredentials(
        object? state, string? rootCertificates, KeyCertificatePair? keyCertificatePair, VerifyPeerCallback? verifyPeerCallback);

    /// <summary>The channel has <paramref name="channelCredentials"/>, its calls <paramref name="callCredentials"/>.</summary>
    public abstract void SetCompositeCredentials(
        object? state, ChannelCredentials channelCredentials, CallCredentials callCredentials);
}
