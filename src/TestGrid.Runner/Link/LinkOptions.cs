namespace TestGrid.Runner.Link;

/// <summary>Where a remote runner's server is, and with what right it asks.</summary>
/// <param name="Server">The server's address.</param>
/// <param name="Token">A runner's token (<c>tgr_…</c>).</param>
/// <param name="Patience">The longest that one call may take before the server counts as away.</param>
public sealed record LinkOptions(Uri Server, string Token, TimeSpan Patience)
{
    public override string ToString() => $"{nameof(LinkOptions)} {{ {Server} }}"; // the token stands in no message
}
