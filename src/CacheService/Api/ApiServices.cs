using CacheService.Api.Messages;
using CacheService.Api.Watches;

namespace CacheService.Api;

/// <summary>Registers what all APIs share.</summary>
internal static class ApiServices
{
    /// <summary>Adds the errors, the messages and the watches.</summary>
    public static void AddApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<CallErrors>();
        builder.Services.AddSingleton<Replies>();
        builder.Services.AddSingleton<StatusReply>();
        builder.Services.AddSingleton<JobCalls>();
        builder.Services.AddSingleton<WatchStreams>();
    }
}
