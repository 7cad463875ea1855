using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Feed;

/// <summary>What is counted: the section <c>Counts</c>.</summary>
internal sealed class CountsOptions : IValidatableObject
{
    /// <summary>The section's name.</summary>
    public const string Section = "Counts";

    /// <summary>The time zone in which a day of the daily counters begins and ends.</summary>
    [Description("The time zone in which a day of the daily counters begins and ends, by its IANA name, such as Europe/Berlin. All services on a database need the same one. After a change the activity is counted once more.")]
    [StringLength(100, MinimumLength = 1)]
    public string TimeZone { get; set; } = "UTC";

    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(TimeZone, out _))
        {
            yield return new ValidationResult(
                $"{Section}:{nameof(TimeZone)} is '{TimeZone}', which is no time zone that this machine knows; name one as in Europe/Berlin (every zone but UTC needs the machine's time zone data: the package tzdata).",
                [nameof(TimeZone)]);
        }
    }
}

[OptionsValidator]
internal sealed partial class CountsOptionsValidator : IValidateOptions<CountsOptions>;
