namespace CacheService.Tool.Play;

/// <summary>What somebody says at one go.</summary>
/// <param name="Speaker">The speaker as the play writes it.</param>
/// <param name="SpeakerLine">The line of the file that names the speaker.</param>
/// <param name="Text">The lines of the speech, joined with newlines, without stage directions.</param>
internal sealed record Speech(string Speaker, int SpeakerLine, string Text);
