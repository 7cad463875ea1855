using System.Collections.Immutable;

namespace CacheService.Tests.Compat;

/// <summary>A type of another assembly, with the arguments of its instantiation.</summary>
internal sealed record ReferencedType(string? Assembly, string Name, ImmutableArray<string> Arguments);
