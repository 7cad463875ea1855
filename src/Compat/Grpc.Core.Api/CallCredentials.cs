using Grpc.Core.Internal;

namespace Grpc.Core;

/// <summary>Credentials of a single call.</summary>
public abstract class CallCredentials
{
    /// <summary>Credentials that are all of the given ones, in their order.</summary>
    public static CallCredentials Compose(params CallCredentials[] credentials) => new CompositeCallCredentials(credentials);

    /// <summary>Credentials that <paramref name="interceptor"/> adds as headers.</summary>
    public static CallCredentials FromInterceptor(AsyncAuthInterceptor interceptor) => new InterceptorCallCredentials(interceptor);

    /// <summary>Tells a client, through <paramref name="configurator"/>, what these credentials are.</summary>
    public abstract void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state);
}
