using System.Security.Cryptography;

namespace TestGrid.Runner.Git;

/// <summary>
/// The ssh command of one fetch: a key file and pinned host keys that live as long as the fetch. It stands in the
/// mirror's own config, not in our environment, which all fetches share.
/// </summary>
internal sealed class SshCommand : IDisposable
{
    private const string Always =
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";

    private readonly string? folder;

    private SshCommand(string command, string? folder) => (Command, this.folder) = (command, folder);

    public string Command { get; }

    /// <exception cref="GitFetchException">The repository has no ssh key.</exception>
    public static SshCommand Prepare(GitCredential? credential, GitOptions options)
    {
        if (credential is GitCredential.Password)
            throw new GitFetchException("This repository has an ssh address and a password; ssh wants a key.");
        if (credential is not GitCredential.SshKey key)
            return options.UseOwnSshKeys
                ? new SshCommand(Always, null)
                : throw new GitFetchException(
                    "This repository has an ssh address and no key. Remedy: give it one, or set Git:UseOwnSshKeys."
                );
        var folder = Path.Combine(options.RootPath, "keys", RandomNumberGenerator.GetHexString(16, lowercase: true));
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var (secret, hosts) = (Path.Combine(folder, "key"), Path.Combine(folder, "known_hosts"));
        Write(secret, key.PrivateKey);
        Write(hosts, key.KnownHosts);
        return new SshCommand(
            $"{Always} -F /dev/null -o IdentitiesOnly=yes -o IdentityAgent=none -i '{secret}' "
                + $"-o UserKnownHostsFile='{hosts}' -o GlobalKnownHostsFile=/dev/null",
            folder
        );
    }

    public void Dispose()
    {
        if (folder is not null)
            Directory.Delete(folder, recursive: true);
    }

    // ssh refuses a key that others can read, and one without a last line feed.
    private static void Write(string path, string text)
    {
        var how = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using var file = new StreamWriter(path, how);
        file.Write(text.TrimEnd() + "\n");
    }
}
