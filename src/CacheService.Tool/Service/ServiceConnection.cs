using System.Security.Authentication;
using CacheService.Client;
using CacheService.Tool.Output;
using Grpc.Core;

namespace CacheService.Tool.Service;

/// <summary>Asks the service; what goes wrong becomes one line for the user.</summary>
internal sealed class ServiceConnection(Uri address, TimeSpan timeout, ServiceCredentials credentials, TimeProvider time) : IDisposable
{
    public TweetCountsClient Client { get; } = new(Options(address, timeout, credentials), time: time);

    /// <summary>Waits for the answer until the timeout.</summary>
    /// <exception cref="ToolException">There is none; <see cref="Exception.InnerException"/> is the RpcException.</exception>
    public async Task<TAnswer> CallAsync<TAnswer>(Func<TweetCountsClient, Task<TAnswer>> read)
    {
        try
        {
            return await read(Client);
        }
        catch (RpcException e)
        {
            throw new ToolException(Describe(e), e);
        }
    }

    public void Dispose() => Client.Dispose();

    /// <summary>Whether an error is of this side, and not of a service: only those carry an exception.</summary>
    public static bool HasReachedNobody(RpcException error) => error.Status.DebugException is not null && error.StatusCode != StatusCode.DeadlineExceeded;

    /// <summary>What to tell the user of an error.</summary>
    public string Describe(RpcException error) => error.StatusCode switch
    {
        _ when error.Status.DebugException is HttpRequestException { HttpRequestError: HttpRequestError.HttpProtocolError or HttpRequestError.InvalidResponse } =>
            $"what answers at {address} does not speak gRPC; is it the service? name its gRPC address with --address or {ServiceAddress.Variable}",

        _ when error.Status.DebugException?.GetBaseException() is AuthenticationException { Message: var reason } =>
            $"no trust in what answers at {address}: {reason.TrimEnd('.')}; name the authority of its certificate with --ca, and the host as the certificate does",

        _ when HasReachedNobody(error) =>
            $"no service answers at {address}: {error.Status.DebugException!.GetBaseException().Message.TrimEnd('.')}; start it, or name its gRPC address with --address or {ServiceAddress.Variable}",
        StatusCode.DeadlineExceeded =>
            $"no answer from {address} within {Durations.Format(timeout)}: see tweetcounts status, or allow more with --timeout",
        StatusCode.Unimplemented => $"what answers at {address} does not know this call: name the service's gRPC address with --address",
        StatusCode.Unauthenticated => $"{error.Status.Detail}; here: --api-key-file, {ServiceCredentials.Variable} or --client-cert",
        _ => error.Status.Detail is { Length: > 0 } detail ? detail : $"the service answers {error.StatusCode}",
    };

    private static TweetCountsClientOptions Options(Uri address, TimeSpan timeout, ServiceCredentials credentials)
    {
        var options = new TweetCountsClientOptions { Addresses = { address }, DefaultDeadline = timeout };
        credentials.ApplyTo(options, Environment.GetEnvironmentVariable);
        return options;
    }
}
