namespace TestGrid.Runner.Link;

/// <summary>Where a remote runner's server is, and with what right it asks.</summary>
/// <param name="Server">The server's address.</param>
/// <param name="Token">A runner's token (<c>tgr_…</c>).</param>
/// <param name="Patience">The longest that one call may take before the server counts as away.</param>
/// <param name="Place">
/// This data folder on this machine since its start, as 32 hexadecimal digits: a runner that starts again has the same
/// one, and two machines with one name have two. It goes with every call.
/// </param>
public sealed record LinkOptions(Uri Server, string Token, TimeSpan Patience, string Place)
{
    public override string ToString() => $"{nameof(LinkOptions)} {{ {Server} }}"; // the token stands in no message
}
