namespace CacheService.Messages;

/// <summary>A message's text is longer than what is read into memory and sent.</summary>
internal sealed class TextTooLongException(string message) : Exception(message);
