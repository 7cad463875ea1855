using Microsoft.Extensions.Options;

namespace CacheService.Watching;

[OptionsValidator]
internal sealed partial class WatchOptionsValidator : IValidateOptions<WatchOptions>;
