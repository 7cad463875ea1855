namespace CacheService.Jobs;

/// <summary>
/// Finds services that are silent: that count on no longer while this one looks. By this one's own clock, because another machine's may be wrong; and only for as long as it has looked itself, because it may have
/// been frozen with the others.
/// </summary>
internal sealed class SilentServices(TimeSpan lostAfter, TimeProvider time)
{
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, (long Beat, TimeSpan Silent)> _heard = new(StringComparer.Ordinal);
    private long _lookedAt = time.GetTimestamp();

    /// <summary>The services that are silent for too long.</summary>
    /// <param name="looks">What was just looked at.</param>
    public IReadOnlySet<string> Find(IReadOnlyList<JobLook> looks)
    {
        var since = time.GetElapsedTime(_lookedAt);
        _lookedAt = time.GetTimestamp();
        since = since < LongestLook ? since : LongestLook;

        var beats = looks.Where(look => look.Run is not null).GroupBy(look => look.Run!.Service).ToDictionary(service => service.Key, service => service.First().Beat, StringComparer.Ordinal);
        foreach (var gone in _heard.Keys.Where(name => !beats.ContainsKey(name)).ToList())
        {
            _heard.Remove(gone);
        }

        foreach (var (name, beat) in beats)
        {
            _heard[name] = _heard.TryGetValue(name, out var heard) && heard.Beat == beat ? (beat, heard.Silent + since) : (beat, TimeSpan.Zero);
        }

        return _heard.Where(service => service.Value.Silent >= lostAfter).Select(service => service.Key).ToHashSet(StringComparer.Ordinal);
    }
}
