using CacheService.Settings;

namespace CacheService.Reading;

/// <summary>Registers the reads.</summary>
internal static class ReadingServices
{
    /// <summary>Adds the reader, the gate for reads that ask for freshness, what is made of the store and of the messages' tables, and the way round the store.</summary>
    public static void AddReading(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<LimitsOptions, LimitsOptionsValidator>(builder.Configuration, LimitsOptions.Section);
        builder.Services.AddSingleton<ITransactionIds, PostgresTransactionIds>();
        builder.Services.AddSingleton<ReadGate>();
        builder.Services.AddSingleton<TopCounts>();
        builder.Services.AddSingleton<ITextSource, PostgresTexts>();
        builder.Services.AddSingleton<TextCache>();
        builder.Services.AddSingleton<CountsReader>();
        builder.Services.AddSingleton<DatabaseReader>();
    }
}
