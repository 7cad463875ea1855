using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.ImportJob;

/// <summary>Files that the job <c>import</c> merges into tables: the section <c>Import</c>.</summary>
internal sealed class ImportOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Import";

    /// <summary>Where files lie that are to be imported, and where uploads are kept until they are.</summary>
    [Description(
        "The folder of files that the job import merges into tables, and of uploads until they are merged. No other file can be imported by the service. "
        + "Services that share a database share it too, so that each can go on with what another has begun. Empty: none.")]
    [MaxLength(4096)]
    public string Directory { get; set; } = "";

    /// <summary>How large an upload may be.</summary>
    [Description("How large an uploaded file may be, in bytes.")]
    [Range(1L, 1L << 40)]
    public long MaxFileBytes { get; set; } = 1L << 30;
}

[OptionsValidator]
internal sealed partial class ImportOptionsValidator : IValidateOptions<ImportOptions>;
