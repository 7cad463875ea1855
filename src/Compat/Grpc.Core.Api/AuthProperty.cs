using System.Text;

namespace Grpc.Core;

/// <summary>A named value of an <see cref="AuthContext"/>.</summary>
public class AuthProperty
{
    private readonly byte[] _rawValue;

    private AuthProperty(string name, byte[] rawValue)
    {
        Name = name;
        _rawValue = rawValue;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The value, read as UTF-8.</summary>
    public string Value => Encoding.UTF8.GetString(_rawValue);

    /// <summary>A copy of the value.</summary>
    public byte[] ValueBytes => [.. _rawValue];

    /// <summary>Creates a property with a copy of <paramref name="rawValue"/>.</summary>
    public static AuthProperty Create(string name, byte[] rawValue)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(rawValue);
        return new AuthProperty(name, [.. rawValue]);
    }
}
