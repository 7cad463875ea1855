namespace Grpc.Core;

/// <summary>A method of a service.</summary>
public interface IMethod
{
    /// <summary>Which sides stream.</summary>
    MethodType Type { get; }

    /// <summary>The full name of the service.</summary>
    string ServiceName { get; }

    /// <summary>The name of the method.</summary>
    string Name { get; }

    /// <summary>The path of the method on the wire, <c>/service/method</c>.</summary>
    string FullName { get; }
}
