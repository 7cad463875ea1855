namespace Grpc.Core;

/// <summary>Through this a client learns what a <see cref="CallCredentials"/> consists of.</summary>
public abstract class CallCredentialsConfiguratorBase
{
    /// <summary>The credentials are all of <paramref name="credentials"/>.</summary>
    public abstract void SetCompositeCredentials(object? state, IReadOnlyList<CallCredentials> credentials);

    /// <summary>The credentials are what <paramref name="interceptor"/> adds.</summary>
    public abstract void SetAsyncAuthInterceptorCredentials(object? state, AsyncAuthInterceptor interceptor);
}
