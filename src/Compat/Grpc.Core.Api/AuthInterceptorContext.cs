namespace Grpc.Core;

/// <summary>What an <see cref="AsyncAuthInterceptor"/> may know of the call it authenticates.</summary>
public class AuthInterceptorContext
{
    /// <summary>Creates the context of a call without a cancellation token.</summary>
    public AuthInterceptorContext(string serviceUrl, string methodName)
        : this(serviceUrl, methodName, CancellationToken.None)
    {
    }

    /// <summary>Creates the context of a call.</summary>
    public AuthInterceptorContext(string serviceUrl, string methodName, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(serviceUrl);
        ArgumentNullException.ThrowIfNull(methodName);
        ServiceUrl = serviceUrl;
        MethodName = methodName;
        CancellationToken = cancellationToken;
    }

    /// <summary>The URL of the service that is called.</summary>
    public string ServiceUrl { get; }

    /// <summary>The name of the method that is called.</summary>
    public string MethodName { get; }

    /// <summary>Cancelled when the call is.</summary>
    public CancellationToken CancellationToken { get; }
}
