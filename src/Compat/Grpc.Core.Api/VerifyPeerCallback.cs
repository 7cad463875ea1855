namespace Grpc.Core;

/// <summary>Says whether a peer whose certificate is valid may be trusted.</summary>
public delegate bool VerifyPeerCallback(VerifyPeerContext context);
