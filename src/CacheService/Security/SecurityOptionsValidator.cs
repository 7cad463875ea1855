using Microsoft.Extensions.Options;

namespace CacheService.Security;

[OptionsValidator]
internal sealed partial class SecurityOptionsValidator : IValidateOptions<SecurityOptions>;
