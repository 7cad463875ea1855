using System.Net;

namespace CacheService.Client.Connections;

/// <summary>One server.</summary>
/// <param name="Name">What it is called, also in its certificate, by http or https.</param>
/// <param name="Found">Where its name was found; null: whoever connects looks for it.</param>
internal sealed record ServerAddress(Uri Name, IPAddress? Found)
{
    /// <summary>Tells it from others of the same name.</summary>
    public Uri Address { get; } = Found is null ? Name : new UriBuilder(Name) { Host = Found.ToString() }.Uri;
}
