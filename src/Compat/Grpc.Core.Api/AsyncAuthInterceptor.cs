namespace Grpc.Core;

/// <summary>Adds the headers that authenticate a call, such as a bearer token, to <paramref name="metadata"/>.</summary>
public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);
