using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace CacheService.Security;

/// <summary>One caller's key: <c>Security:ApiKeys:N</c>.</summary>
internal sealed class ApiKeyOptions : IValidatableObject
{
    /// <summary>Whose key it is, for error messages and the rate limit.</summary>
    [Description("Whose key it is, for error messages and the rate limit.")]
    [Required(ErrorMessage = "Name is missing: whose key is it?")]
    [StringLength(100)]
    public string Name { get; set; } = "";

    /// <summary>The SHA-256 of the key, in hexadecimal digits.</summary>
    // No message shows the value: somebody may have put the key itself here.
    [Description("The SHA-256 of the key, 64 hexadecimal digits; tweetcounts new-api-key makes both.")]
    [Required(ErrorMessage = HashExpected)]
    [StringLength(64, MinimumLength = 64, ErrorMessage = HashExpected)]
    [RegularExpression("^[0-9a-fA-F]*$", ErrorMessage = HashExpected)]
    public string Sha256 { get; set; } = "";

    /// <summary>What its holder may do.</summary>
    [Description("What its holder may do: Read, Watch, Admin, Jobs, or several: Read,Watch.")]
    [EnumDataType(typeof(Rights))]
    public Rights Rights { get; set; }

    private const string HashExpected = "Sha256 is no SHA-256 in 64 hexadecimal digits; tweetcounts new-api-key makes a key and its hash.";

    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (Rights == Rights.None)
        {
            yield return new ValidationResult("Rights is missing: Read, Watch, Admin, Jobs, or several: Read,Watch.", [nameof(Rights)]);
        }
    }
}
