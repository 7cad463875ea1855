using Microsoft.Extensions.Options;

namespace CacheService.Auditing;

[OptionsValidator]
internal sealed partial class AuditOptionsValidator : IValidateOptions<AuditOptions>;
