namespace TestGrid.Runner.Git;

/// <summary>
/// How to fetch a repository that is not open to all. Held in memory only: it stands in no config and no message.
/// </summary>
public abstract record GitCredential
{
    /// <summary>Over https.</summary>
    public sealed record Password(string User, string Secret) : GitCredential
    {
        public override string ToString() => $"Password {{ User = {User} }}";
    }

    /// <summary>Over ssh: a private key and the host keys it may talk to (<c>known_hosts</c> lines).</summary>
    public sealed record SshKey(string PrivateKey, string KnownHosts) : GitCredential
    {
        public override string ToString() => "SshKey";
    }
}
