namespace TestGrid.Server.Recording;

/// <summary>Remote runners.</summary>
public sealed class RemoteRunnerOptions
{
    /// <summary>
    /// Talk to runners of other machines over plain http as well. Whoever listens in between then reads their tokens, and
    /// the secrets and git credentials of the jobs they claim: for networks that are nobody else's, or behind a proxy
    /// that ends TLS on another machine.
    /// </summary>
    public bool AllowInsecure { get; init; }
}
