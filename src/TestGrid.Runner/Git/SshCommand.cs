using System.Security.Cryptography;

namespace TestGrid.Runner.Git;

/// <summary>
/// The ssh command of one fetch: a key file and pinned host keys that live as long as the fetch. It stands in the
/// mirror's own config, not in our environment, which all fetches share.
/// </summary>
/// <remarks>
/// libgit2 takes <c>core.sshCommand</c> for the name of one program and gives it no arguments of ours. So the command
/// is a link in the key's folder, and the script behind it finds the key beside the link by which it was called.
/// One script for all: a file that was just written cannot be run while any thread of ours is forking (ETXTBSY).
/// </remarks>
internal sealed class SshCommand : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string folder;

    private SshCommand(string folder) => this.folder = folder;

    /// <summary>A program that takes ssh's arguments.</summary>
    public string Command => Path.Combine(folder, "ssh");

    /// <exception cref="GitFetchException">The repository has no ssh key.</exception>
    public static SshCommand Prepare(GitCredential? credential, GitOptions options)
    {
        var key = credential switch
        {
            GitCredential.SshKey own => own,
            GitCredential.Password => throw new GitFetchException(
                "This repository has an ssh address and a password; ssh wants a key."
            ),
            _ when options.UseOwnSshKeys => null,
            _ => throw new GitFetchException(
                "This repository has an ssh address and no key. Remedy: give it one, or set Git:UseOwnSshKeys."
            ),
        };
        var keys = Path.Combine(options.RootPath, "keys");
        var command = new SshCommand(Path.Combine(keys, RandomNumberGenerator.GetHexString(16, lowercase: true)));
        Directory.CreateDirectory(command.folder, OwnerOnly);
        try
        {
            if (key is not null)
            {
                Write(Path.Combine(command.folder, "key"), key.PrivateKey);
                Write(Path.Combine(command.folder, "known_hosts"), key.KnownHosts);
            }
            File.CreateSymbolicLink(command.Command, Script(options, key is not null));
            return command;
        }
        catch
        {
            command.Dispose();
            throw;
        }
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string Script(GitOptions options, bool withKey)
    {
        const string own = """
             -F /dev/null -o IdentitiesOnly=yes -o IdentityAgent=none -i "$here/key" \
                -o UserKnownHostsFile="$here/known_hosts" -o GlobalKnownHostsFile=/dev/null
            """;
        var text = $"""
            #!/bin/sh
            here=$(dirname "$0")
            exec '{options.Ssh}' -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=20 \
                -o ServerAliveInterval=15 -o ServerAliveCountMax=4 {(withKey ? own : "")} "$@"

            """;
        var path = Path.Combine(options.RootPath, withKey ? "ssh-with-key" : "ssh-as-runner");
        if (File.Exists(path) && File.ReadAllText(path) == text)
            return path;
        var beside = Path.Combine(options.RootPath, Path.GetRandomFileName());
        File.WriteAllText(beside, text);
        File.SetUnixFileMode(beside, OwnerOnly);
        File.Move(beside, path, overwrite: true);
        return path;
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
