using CacheService.Feed;
using CacheService.Reading;
using CacheService.Settings;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace CacheService.Replication;

/// <summary>Registers whom the counts come from, and where they go on to.</summary>
internal static class ReplicationServices
{
    /// <summary>Whom this service is to follow. Read before all settings are checked, because what it is made of depends on it.</summary>
    public static FeedSource ChosenSource(this WebApplicationBuilder builder) =>
        Enum.TryParse<FeedSource>(builder.Configuration[$"{FeedOptions.Section}:{nameof(FeedOptions.Source)}"], ignoreCase: true, out var source) ? source : FeedSource.Postgres;

    /// <summary>Adds the feed that the service follows; with a broker also what publishes, or follows.</summary>
    /// <exception cref="BadSettingsException">What it needs for that is missing.</exception>
    public static void AddReplication(this WebApplicationBuilder builder, FeedSource source)
    {
        builder.Services.AddSettings<NatsOptions, NatsOptionsValidator>(builder.Configuration, NatsOptions.Section);
        var hasBroker = builder.Configuration[$"{NatsOptions.Section}:{nameof(NatsOptions.Url)}"] is { Length: > 0 };
        if (hasBroker)
        {
            builder.Services.AddSingleton<Broker>();
            builder.Services.AddSingleton<Checkpoints>();
        }

        if (source == FeedSource.Nats)
        {
            builder.AddFollower(hasBroker);
            return;
        }

        builder.Services.AddHostedService(services => services.GetRequiredService<CountsFeed>());
        if (hasBroker)
        {
            builder.Services.AddSingleton<RecentDrains>();
            builder.Services.AddSingleton<FollowerList>();
            builder.Services.AddSingleton<ICacheLister>(services => services.GetRequiredService<FollowerList>());
            builder.Services.AddSingleton<QuestionDesk>();
            builder.Services.AddHostedService(services => services.GetRequiredService<QuestionDesk>());
            builder.Services.AddSingleton<CheckpointKeeper>();
            builder.Services.AddSingleton<Rivals>();
            builder.Services.AddSingleton<Succession>();
            builder.Services.AddHostedService<Publisher>();
        }
    }

    private static void AddFollower(this WebApplicationBuilder builder, bool hasBroker)
    {
        var hasDatabase = !string.IsNullOrWhiteSpace(builder.Configuration.GetConnectionString("Postgres"));
        if (!hasBroker)
        {
            throw new BadSettingsException(["Feed:Source is Nats, and Nats:Url is empty: name the servers, such as nats://127.0.0.1:4222"]);
        }

        if (!hasDatabase && builder.Configuration.GetValue<bool>($"{FeedOptions.Section}:{nameof(FeedOptions.FallBack)}"))
        {
            throw new BadSettingsException(["Feed:FallBack is true, and ConnectionStrings:Postgres is empty: name the database to fall back to"]);
        }

        builder.Services.AddSingleton<PublisherQuestions>();
        builder.Services.RemoveAll<ICacheLister>();
        builder.Services.AddSingleton<ICacheLister>(services => services.GetRequiredService<PublisherQuestions>());
        if (!hasDatabase)
        {
            builder.Services.AddSingleton<ITransactionIds>(services => services.GetRequiredService<PublisherQuestions>());
            builder.Services.AddSingleton<ITextSource>(services => services.GetRequiredService<PublisherQuestions>());
        }

        builder.Services.AddHostedService<FollowerFeed>();
    }
}
