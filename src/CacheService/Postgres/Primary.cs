namespace CacheService.Postgres;

/// <summary>The server that takes writes.</summary>
/// <param name="ConnectionString">Leads to it alone.</param>
/// <param name="Timeline">Its timeline, eight hexadecimal digits: the later of two orders after the earlier. Empty where there is one host only, and nobody asked.</param>
internal sealed record Primary(string ConnectionString, string Timeline);
