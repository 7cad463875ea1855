namespace CacheService.IntegrationTests.Compat;

/// <summary>Keeps the last HTTP response that a client got.</summary>
internal sealed class RecordingHandler : DelegatingHandler
{
    public RecordingHandler()
        : base(new SocketsHttpHandler())
    {
    }

    public HttpResponseMessage? Last { get; private set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Last = await base.SendAsync(request, cancellationToken);
}
