using Microsoft.Extensions.Options;

namespace CacheService.Postgres;

[OptionsValidator]
internal sealed partial class DatabaseOptionsValidator : IValidateOptions<DatabaseOptions>;
