using Microsoft.Extensions.Options;

namespace CacheService;

[OptionsValidator]
internal sealed partial class LimitsOptionsValidator : IValidateOptions<LimitsOptions>;
