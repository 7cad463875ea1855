using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Shutdown;

/// <summary>How the service ends: the section <c>Shutdown</c>.</summary>
internal sealed class ShutdownOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Shutdown";

    /// <summary>How long calls are still answered after the signal to stop.</summary>
    [Description("How long calls are still answered after the signal to stop, while health says that the service is not ready, so that whoever balances load sends no more. Then watches are ended (UNAVAILABLE). A second signal ends the service at once.")]
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainPeriod { get; set; } = TimeSpan.Zero;
}

[OptionsValidator]
internal sealed partial class ShutdownOptionsValidator : IValidateOptions<ShutdownOptions>;
