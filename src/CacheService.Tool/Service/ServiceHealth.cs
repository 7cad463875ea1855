namespace CacheService.Tool.Service;

/// <summary>Asks the service over HTTP how it is: everybody may, whatever else it asks for a key.</summary>
internal sealed class ServiceHealth(Uri address, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Uri _health = new(address, "/health");
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };

    /// <summary>Null where nobody answers; else whether it is LIVE, and its words.</summary>
    public async Task<(bool IsLive, string Words)?> AskAsync(CancellationToken stop)
    {
        try
        {
            using var answer = await _http.GetAsync(_health, stop);
            return (answer.IsSuccessStatusCode, (await answer.Content.ReadAsStringAsync(stop)).Trim());
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Returns when it is LIVE.</summary>
    /// <exception cref="ToolException">It is not after that long.</exception>
    public async Task WaitForLiveAsync(TimeSpan longest, CancellationToken stop)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var answer = await AskAsync(stop);
            if (answer is { IsLive: true })
                return;
            if (time.GetElapsedTime(start) > longest)
                throw new ToolException($"the service is not LIVE after {longest.TotalSeconds:0.#} seconds: {answer?.Words ?? $"it does not answer at {_health}"}");

            await Task.Delay(Pause, time, stop);
        }
    }

    public void Dispose() => _http.Dispose();
}
