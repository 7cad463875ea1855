namespace CacheService.Tool.Simulation;

/// <summary>How often the simulator has written for a message, and what remains of it after the undoings.</summary>
internal readonly record struct HotMessage(long MessageId, int Written, int Retweets, int Likes);
