using CacheService.Api.Problems;
using CacheService.Security;
using Grpc.Core;

namespace CacheService.Api.Http;

/// <summary>Serves the calls of one route: what goes wrong becomes a problem.</summary>
internal sealed class HttpEndpoint(HttpRoute route, IServiceProvider services, CallErrors errors, ForeignPages pages, TimeProvider time)
{
    public async Task ServeAsync(HttpContext context)
    {
        HttpCall? call = null;
        try
        {
            if (route.Verb != HttpMethods.Get && pages.IsFrom(context.Request))
            {
                await HttpProblem.WriteAsync(context, new Status(StatusCode.PermissionDenied, "a page of another origin may not call this; name it in Security:CorsOrigins if it may"));
                return;
            }

            call = new HttpCall(context, route, time);
            await route.ServeAsync(services, call);
        }
        catch (Exception e)
        {
            await EndAsync(context, e, call?.IsLate == true);
        }
        finally
        {
            call?.Dispose();
        }
    }

    private Task EndAsync(HttpContext context, Exception error, bool isLate)
    {
        switch (error)
        {
            // Too long, too slow, cut off, or no HTTP: Kestrel says what, and the code.
            case BadHttpRequestException bad:
                return HttpProblem.WriteAsync(
                    context,
                    new Status(bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? StatusCode.ResourceExhausted : StatusCode.InvalidArgument, $"the request cannot be read: {bad.Message}"),
                    bad.StatusCode);
            case OperationCanceledException when isLate && !context.RequestAborted.IsCancellationRequested:
                return HttpProblem.WriteAsync(context, new Status(StatusCode.DeadlineExceeded, "the time that the request allows (timeout) is over; allow more"));
            default:
                var status = errors.StatusOf(error, route.MethodName, context.RequestAborted.IsCancellationRequested);
                if (context.Response.HasStarted && status.StatusCode != StatusCode.Unavailable)
                {
                    // What has been cut off must not be taken for the whole. Where the service stops, a stream ends in order, and its client comes again.
                    context.Abort();
                }

                return HttpProblem.WriteAsync(context, status);
        }
    }
}
