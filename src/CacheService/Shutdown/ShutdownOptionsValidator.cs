using Microsoft.Extensions.Options;

namespace CacheService.Shutdown;

[OptionsValidator]
internal sealed partial class ShutdownOptionsValidator : IValidateOptions<ShutdownOptions>;
