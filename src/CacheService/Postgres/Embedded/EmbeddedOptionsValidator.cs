using Microsoft.Extensions.Options;

namespace CacheService.Postgres.Embedded;

[OptionsValidator]
internal sealed partial class EmbeddedOptionsValidator : IValidateOptions<EmbeddedOptions>;
