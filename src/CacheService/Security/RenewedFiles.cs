using System.Security.Cryptography;

namespace CacheService.Security;

/// <summary>
/// What is made of files that somebody replaces from time to time, in place or behind a symbolic link. It is told by what is in them, because times and names of
/// files say little where links are swapped. New files that are of no use change nothing. Thread-safe.
/// </summary>
internal sealed class RenewedFiles<T>(IReadOnlyList<string> paths, Func<IReadOnlyList<byte[]>, T> make, TimeProvider time, Action onRenewed, Action<Exception> onUseless)
    where T : class
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _looking = new();
    private volatile T? _current;
    private byte[] _seen = [];
    private string? _missing;
    private long _lookedAt;

    /// <summary>As made of the newest files that are of use; null if there have been none yet. Looks at the files, unless somebody has a moment ago.</summary>
    public T? Current
    {
        get
        {
            // One looks, and nobody waits for that who has something to go on with.
            if (_current is null || IsDue())
            {
                if (_looking.TryEnter(_current is null ? Timeout.InfiniteTimeSpan : TimeSpan.Zero))
                {
                    try
                    {
                        Look();
                    }
                    finally
                    {
                        _looking.Exit();
                    }
                }
            }

            return _current;
        }
    }

    private bool IsDue() => time.GetElapsedTime(Interlocked.Read(ref _lookedAt)) >= LookInterval;

    private void Look()
    {
        if (_lookedAt != 0 && !IsDue())
        {
            return;
        }

        Interlocked.Exchange(ref _lookedAt, time.GetTimestamp());
        try
        {
            var contents = paths.Select(File.ReadAllBytes).ToList();
            var digest = SHA256.HashData([.. contents.SelectMany(SHA256.HashData)]);
            _missing = null;
            if (digest.AsSpan().SequenceEqual(_seen))
            {
                return;
            }

            _seen = digest;
            var isFirst = _current is null;
            _current = make(contents);
            if (!isFirst)
            {
                onRenewed();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Said once, not at each look.
            if (_missing != e.Message)
            {
                _missing = e.Message;
                onUseless(e);
            }
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            onUseless(e);
        }
    }
}
