using CacheService.Client;

namespace CacheService.Tool.Watching;

/// <summary>
/// The messages that changed last; at first those with the highest counts. A message keeps its row: a new one takes the row whose message has not changed for
/// the longest time, so that the eye finds what it looked at.
/// </summary>
internal sealed class LatestRows : ILiveRows
{
    // More than any terminal has rows.
    private const int Remembered = 500;

    private readonly CountsMirror _mirror;
    private readonly Lock _gate = new();
    private readonly List<long> _changed = [];
    private readonly List<(long MessageId, long ChangedAt)> _rows = [];
    private long _clock;
    private bool _filled;
    private bool _begun;

    public LatestRows(CountsMirror mirror)
    {
        _mirror = mirror;
        mirror.Changed += Note;
    }

    public IReadOnlyList<long> Choose(int fitting)
    {
        long[] changed;
        lock (_gate)
        {
            changed = [.. _changed];
            _changed.Clear();
        }

        Fill(fitting);
        _rows.RemoveAll(row => !_mirror.TryGet(row.MessageId, out _));
        foreach (var messageId in changed.Where(id => _mirror.TryGet(id, out _)))
        {
            Show(messageId, fitting);
        }

        // The terminal has become smaller.
        while (_rows.Count > fitting)
        {
            _rows.Remove(_rows.MinBy(row => row.ChangedAt));
        }

        return [.. _rows.Select(row => row.MessageId)];
    }

    public void Dispose() => _mirror.Changed -= Note;

    private void Fill(int fitting)
    {
        if (!_filled && _mirror.Count > 0)
        {
            _filled = true;
            _rows.AddRange(TopRows.Highest(_mirror, TopOrder.Total, fitting).Select(id => (id, 0L)));
        }
    }

    private void Show(long messageId, int fitting)
    {
        var row = _rows.FindIndex(row => row.MessageId == messageId);
        if (row < 0 && _rows.Count < fitting)
        {
            row = _rows.Count;
            _rows.Add(default);
        }

        row = row < 0 ? _rows.IndexOf(_rows.MinBy(row => row.ChangedAt)) : row;
        _rows[row] = (messageId, ++_clock);
    }

    private void Note(object? sender, CountsChangedEventArgs changes)
    {
        // The first change is all there is: of that the highest are shown, not the last.
        if (!_begun)
        {
            _begun = true;
            return;
        }

        lock (_gate)
        {
            _changed.AddRange(changes.Counts.Skip(changes.Counts.Count - Remembered).Select(counts => counts.MessageId));
            if (_changed.Count > Remembered)
            {
                _changed.RemoveRange(0, _changed.Count - Remembered);
            }
        }
    }
}
