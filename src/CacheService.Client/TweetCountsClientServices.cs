using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CacheService.Client;

/// <summary>Registers the client.</summary>
public static class TweetCountsClientServices
{
    /// <summary>
    /// Adds a <see cref="TweetCountsClient"/>, one for the whole application. Options that are out of range end the application's start
    /// with an <see cref="OptionsValidationException"/> that names them all. It takes the registered <see cref="TimeProvider"/> and
    /// <see cref="ILoggerFactory"/>, if there are any.
    /// </summary>
    public static IServiceCollection AddTweetCountsClient(this IServiceCollection services, Action<TweetCountsClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);

        services.AddOptions<TweetCountsClientOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TweetCountsClientOptions>, TweetCountsClientOptionsValidator>());
        services.TryAddSingleton(provider => new TweetCountsClient(
            provider.GetRequiredService<IOptions<TweetCountsClientOptions>>().Value,
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>()));
        return services;
    }
}
