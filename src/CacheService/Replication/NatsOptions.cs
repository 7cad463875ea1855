using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Replication;

/// <summary>The broker over which caches follow one another: the section <c>Nats</c>. Without an address there is none.</summary>
internal sealed class NatsOptions : IValidatableObject
{
    /// <summary>The section's name.</summary>
    public const string Section = "Nats";

    /// <summary>The servers' addresses.</summary>
    [Description("The addresses of the NATS servers, with commas between them: nats://nats-0:4222,nats://nats-1:4222, or tls://… Services that follow the database then publish the counts there, and those with Feed:Source=Nats follow them. Empty: neither.")]
    [StringLength(4096)]
    public string Url { get; set; } = "";

    /// <summary>Names the stream, and begins the names of its subjects and of the bucket.</summary>
    [Description("Names the JetStream stream, and begins the names of its subject (NAME.frames), of the questions (NAME.questions) and of the bucket of checkpoints (NAME-checkpoints). One for each database.")]
    [StringLength(32, MinimumLength = 1)]
    [RegularExpression("^[A-Za-z0-9_-]*$", ErrorMessage = "Nats:Name has letters, digits, - and _, 32 at most.")]
    public string Name { get; set; } = "tweetcounts";

    /// <summary>On how many servers the stream is kept.</summary>
    [Description("On how many NATS servers stream and checkpoints are kept, where the service creates them: 3 survive the loss of one.")]
    [Range(1, 5)]
    public int Replicas { get; set; } = 1;

    /// <summary>How long frames are kept.</summary>
    [Description("How long the stream keeps frames, where the service creates it. A follower that was away for longer begins at a checkpoint.")]
    [Range(typeof(TimeSpan), "00:05:00", "7.00:00:00")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How much of the stream is kept.</summary>
    [Description("How many megabytes of frames the stream keeps, where the service creates it: the oldest go first.")]
    [Range(16, 1_000_000)]
    public int MaxMegabytes { get; set; } = 256;

    /// <summary>How often all counts are written, for followers to begin at.</summary>
    [Description("How often the publisher writes all counts for followers to begin at, while there are any.")]
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Who the service is to the broker.</summary>
    [Description("The user at NATS. Empty: none, or as CredsFile or NKeyFile says.")]
    [StringLength(4096)]
    public string User { get; set; } = "";

    /// <summary>Its password.</summary>
    [Description("The user's password. Better by the environment: Nats__Password.")]
    [StringLength(4096)]
    public string Password { get; set; } = "";

    /// <summary>A file with a JWT and its seed.</summary>
    [Description("A file with the user's JWT and seed, as nsc writes it.")]
    [StringLength(4096)]
    public string CredsFile { get; set; } = "";

    /// <summary>A file with a seed.</summary>
    [Description("A file with the user's NKey: the seed in one line, the public key in another.")]
    [StringLength(4096)]
    public string NKeyFile { get; set; } = "";

    /// <summary>Who signs the servers' certificates.</summary>
    [Description("The certificate, as PEM, that signs those of the servers. Empty: the machine's own are trusted.")]
    [StringLength(4096)]
    public string CaFile { get; set; } = "";

    /// <summary>The service's own certificate.</summary>
    [Description("The service's own certificate, as PEM, where the servers ask for one.")]
    [StringLength(4096)]
    public string CertFile { get; set; } = "";

    /// <summary>Its key.</summary>
    [Description("The key of CertFile, as PEM.")]
    [StringLength(4096)]
    public string KeyFile { get; set; } = "";

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if ((CertFile.Length > 0) != (KeyFile.Length > 0))
        {
            yield return new ValidationResult("Nats:CertFile and Nats:KeyFile go together: name both, or neither.", [nameof(CertFile)]);
        }

        if ((User.Length > 0 ? 1 : 0) + (CredsFile.Length > 0 ? 1 : 0) + (NKeyFile.Length > 0 ? 1 : 0) > 1)
        {
            yield return new ValidationResult("Nats:User, Nats:CredsFile and Nats:NKeyFile are three ways to say who the service is: name one.", [nameof(User)]);
        }

        if (Password.Length > 0 && User.Length == 0)
        {
            yield return new ValidationResult("Nats:Password is of no use without Nats:User.", [nameof(Password)]);
        }

        if (CheckpointInterval > MaxAge / 2)
        {
            yield return new ValidationResult("Nats:CheckpointInterval is longer than half of Nats:MaxAge: the frames after a checkpoint would be gone before there is the next one.", [nameof(CheckpointInterval)]);
        }

        foreach (var address in Url.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("nats" or "tls" or "ws" or "wss") || uri.UserInfo.Length > 0)
            {
                yield return new ValidationResult("Nats:Url: write nats://host:4222 or tls://host:4222, with commas between several; user and password have settings of their own.", [nameof(Url)]);
            }
        }

        foreach (var (file, setting) in new[] { (CredsFile, nameof(CredsFile)), (NKeyFile, nameof(NKeyFile)), (CaFile, nameof(CaFile)), (CertFile, nameof(CertFile)), (KeyFile, nameof(KeyFile)) })
        {
            if (file.Length > 0 && !File.Exists(file))
            {
                yield return new ValidationResult($"Nats:{setting}: there is no file {file}.", [setting]);
            }
        }
    }
}

[OptionsValidator]
internal sealed partial class NatsOptionsValidator : IValidateOptions<NatsOptions>;
