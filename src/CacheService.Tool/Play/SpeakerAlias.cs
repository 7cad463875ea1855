namespace CacheService.Tool.Play;

/// <summary>Says which user a speaker of the play is.</summary>
internal sealed record SpeakerAlias(string Speaker, string User)
{
    /// <summary>Reads SPEAKER=USER; null if it is not that.</summary>
    public static SpeakerAlias? Parse(string text) =>
        text.Split('=', 2, StringSplitOptions.TrimEntries) is [{ Length: > 0 } speaker, { Length: > 0 } user]
            ? new SpeakerAlias(speaker, user)
            : null;

    /// <summary>As one types it after --alias.</summary>
    public override string ToString() => $"{Speaker}={User}" is var text && text.Contains(' ') ? $"\"{text}\"" : text;
}
