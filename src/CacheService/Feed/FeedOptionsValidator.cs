using Microsoft.Extensions.Options;

namespace CacheService.Feed;

[OptionsValidator]
internal sealed partial class FeedOptionsValidator : IValidateOptions<FeedOptions>;
