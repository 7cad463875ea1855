using Microsoft.Extensions.Options;

namespace CacheService.Client;

[OptionsValidator]
internal sealed partial class TweetCountsClientOptionsValidator : IValidateOptions<TweetCountsClientOptions>
{
    /// <summary>Throws with all that is wrong.</summary>
    /// <exception cref="OptionsValidationException">Something is.</exception>
    public static void ThrowIfInvalid(TweetCountsClientOptions options)
    {
        var result = new TweetCountsClientOptionsValidator().Validate(null, options);
        if (result.Failed)
        {
            throw new OptionsValidationException(nameof(TweetCountsClientOptions), typeof(TweetCountsClientOptions), result.Failures);
        }
    }
}
