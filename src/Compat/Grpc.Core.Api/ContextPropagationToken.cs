namespace Grpc.Core;

/// <summary>Carries deadline and cancellation from a served call to the calls made on its behalf.</summary>
public abstract class ContextPropagationToken
{
    internal ContextPropagationToken()
    {
    }
}
