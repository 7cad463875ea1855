namespace CacheService.Tool;

/// <summary>An error for the person at the keyboard: the message, one line, says what is wrong and what to do.</summary>
internal sealed class ToolException(string message, Exception? innerException = null) : Exception(message, innerException);
