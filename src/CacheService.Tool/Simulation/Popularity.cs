namespace CacheService.Tool.Simulation;

/// <summary>
/// Messages in a random order of popularity, drawn after Zipf's law: the k-th most popular one comes up 1/k times
/// as often as the first.
/// </summary>
internal sealed class Popularity
{
    private readonly List<long> _ranked = [];
    private readonly Dictionary<long, int> _rankOf = [];

    // The sum of 1/k up to and including each rank. It does not depend on who holds the rank.
    private readonly List<double> _cumulative = [];

    public int Count => _ranked.Count;

    /// <summary>Puts a message at a random rank; one that is known stays where it is.</summary>
    public void Add(long messageId, Random random)
    {
        if (_rankOf.ContainsKey(messageId))
            return;

        // Changing places with whoever holds that rank: each order is equally likely.
        var rank = random.Next(_ranked.Count + 1);
        _ranked.Add(messageId);
        _rankOf[messageId] = _ranked.Count - 1;
        _cumulative.Add((_cumulative.Count > 0 ? _cumulative[^1] : 0) + 1.0 / _ranked.Count);
        Swap(rank, _ranked.Count - 1);
    }

    public void Remove(long messageId)
    {
        if (!_rankOf.TryGetValue(messageId, out var rank))
            return;

        Swap(rank, _ranked.Count - 1);
        _ranked.RemoveAt(_ranked.Count - 1);
        _cumulative.RemoveAt(_cumulative.Count - 1);
        _rankOf.Remove(messageId);
    }

    /// <summary>The message for a number from 0 to below 1. There must be one.</summary>
    public long At(double share)
    {
        var found = _cumulative.BinarySearch(share * _cumulative[^1]);

        // A hit belongs to the next rank, as the first of n ranks covers [0, 1) and so on.
        var rank = found >= 0 ? found + 1 : ~found;
        return _ranked[Math.Min(rank, _ranked.Count - 1)];
    }

    private void Swap(int a, int b)
    {
        (_ranked[a], _ranked[b]) = (_ranked[b], _ranked[a]);
        _rankOf[_ranked[a]] = a;
        _rankOf[_ranked[b]] = b;
    }
}
