using System.Net;
using System.Net.Sockets;
using LibGit2Sharp;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>Fetches into one mirror, with one credential: blocking, so call it on a thread of its own.</summary>
internal sealed class GitFetch(GitUrl url, GitCredential? credential, GitOptions options, CancellationToken stop)
{
    private const string Remote = "origin";
    private static readonly string[] All = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    private bool asked;
    private string? why;

    /// <summary>The branch that the origin calls its first, after a fetch that asked for it; null when it has none.</summary>
    public string? DefaultBranch { get; private set; }

    /// <summary>Asks for <see cref="DefaultBranch"/> too, one more round trip.</summary>
    public bool WantDefaultBranch { get; init; }

    /// <summary>A pull request to get too, by its number.</summary>
    public int? PullRequest { get; init; }

    /// <summary>Makes the mirror if there is none, and gets every branch and tag that is new.</summary>
    /// <exception cref="GitFetchException">It cannot be fetched.</exception>
    public void Run(string mirror)
    {
        using var ssh = url.Kind is GitUrlKind.Ssh ? SshCommand.Prepare(credential, options) : null;
        try
        {
            if (!Repository.IsValid(mirror))
                Create(mirror);
            using var repository = new Repository(mirror);
            if (ssh is not null)
                repository.Config.Set("core.sshCommand", ssh.Command, ConfigurationLevel.Local);
            string[] refs = PullRequest is { } number ? [.. All, $"+refs/pull/{number}/*:refs/pull/{number}/*"] : All;
            Commands.Fetch(repository, Remote, refs, Options(), null);
            if (!WantDefaultBranch)
                return;
            asked = false;
            var head = repository
                .Network.ListReferences(repository.Network.Remotes[Remote], Credentials)
                .OfType<SymbolicReference>()
                .FirstOrDefault(reference => reference.CanonicalName == "HEAD");
            DefaultBranch = head?.TargetIdentifier.Replace("refs/heads/", "", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is LibGit2SharpException or IOException or UnauthorizedAccessException)
        {
            stop.ThrowIfCancellationRequested();
            throw new GitFetchException($"{url} cannot be fetched: {Sentence(e)}", e);
        }
    }

    private void Create(string mirror)
    {
        var beside = mirror + ".new";
        if (Directory.Exists(beside))
            Directory.Delete(beside, recursive: true);
        // By plain path libgit2 links or copies the object files as they are. Its own local transport would pack and
        // unpack each of them: 26 s instead of 0.14 s for 12,000 commits.
        if (url.Kind is GitUrlKind.Local)
        {
            if (!Repository.IsValid(url.Path))
                throw new GitFetchException($"{url} is not a git repository on this machine.");
            bool borrows;
            // One that borrows objects itself would take its loan along, to where nothing is lent.
            using (var origin = new Repository(url.Path))
                borrows = File.Exists(System.IO.Path.Combine(CommonFolder(origin), "objects/info/alternates"));
            Repository.Clone((borrows ? "file://" : "") + url.Path, beside, new CloneOptions { IsBare = true });
        }
        else
        {
            Repository.Init(beside, isBare: true);
        }
        using (var repository = new Repository(beside))
        {
            if (repository.Network.Remotes[Remote] is not null)
                repository.Network.Remotes.Remove(Remote);
            repository.Network.Remotes.Add(Remote, url.Text, All[0]);
            repository.Config.Set("core.fsyncObjectFiles", true, ConfigurationLevel.Local);
        }
        GitShelf.Remove(mirror); // what stands there is no repository any more
        Directory.Move(beside, mirror);
        Posix.SettleFolder(System.IO.Path.GetDirectoryName(mirror)!);
    }

    /// <summary>Where objects are: a linked work tree (<c>git worktree</c>) names its repository in a file.</summary>
    public static string CommonFolder(Repository repository)
    {
        var pointer = System.IO.Path.Combine(repository.Info.Path, "commondir");
        return File.Exists(pointer)
            ? System.IO.Path.GetFullPath(File.ReadAllText(pointer).Trim(), repository.Info.Path)
            : repository.Info.Path;
    }

    private FetchOptions Options() =>
        new()
        {
            Prune = true,
            TagFetchMode = TagFetchMode.None, // tags are in the refspecs
            CredentialsProvider = Credentials,
            OnProgress = _ => !stop.IsCancellationRequested,
            OnTransferProgress = progress =>
            {
                if (progress.ReceivedBytes > options.MaxFetchBytes)
                    why = $"it is larger than {options.MaxFetchBytes >> 20} MB (Git:MaxFetchBytes)";
                return why is null && !stop.IsCancellationRequested;
            },
        };

    private UsernamePasswordCredentials Credentials(string address, string user, SupportedCredentialTypes types)
    {
        // libgit2 asks again when the first answer was refused, without end, and it asks for whatever host it was
        // redirected to: a credential goes to the registered host only, and once.
        var same =
            Uri.TryCreate(address, UriKind.Absolute, out var asking)
            && Uri.TryCreate(url.Text, UriKind.Absolute, out var registered)
            && asking.Scheme == registered.Scheme
            && asking.Authority == registered.Authority;
        why =
            credential is not GitCredential.Password ? "it wants a user and a password, and this repository has none"
            : !same ? "it was redirected to another host, which gets no credential"
            : asked ? "its host refuses the credential (expired, revoked, or without the right to read)"
            : null;
        asked = true;
        if (why is not null || credential is not GitCredential.Password password)
            throw new GitFetchException(why ?? "no credential");
        return new UsernamePasswordCredentials { Username = password.User, Password = password.Secret };
    }

    private string Sentence(Exception e) =>
        why
        ?? e.Message switch
        {
            var m when m.Contains("404", StringComparison.Ordinal) =>
                "its host does not know it (404), or hides it from whoever has no credential.",
            var m
                when m.Contains("401", StringComparison.Ordinal)
                    || m.Contains("403", StringComparison.Ordinal)
                    || m.Contains("authentication", StringComparison.OrdinalIgnoreCase) => "its host refuses us: " + m,
            var m when m.Contains("resolve", StringComparison.OrdinalIgnoreCase) => "a name is not known: " + m,
            var m when m.Contains("certificate", StringComparison.OrdinalIgnoreCase) => m
                + ". Remedy: if a proxy signs for others, SSL_CERT_FILE names its authority",
            var m when url.Kind is GitUrlKind.Ssh => m + ". Is the key right, and the host's key in its known hosts?",
            var m => m,
        };
}

/// <summary>
/// The addresses that a name has, looked at before something that a pusher named is fetched: a submodule must not make
/// the runner knock at the doors of its own network.
/// </summary>
internal static class PrivateAddress
{
    public static async Task<bool> IsPrivateAsync(string host, CancellationToken stop)
    {
        try
        {
            var all = await Dns.GetHostAddressesAsync(host.Trim('[', ']'), stop);
            return all.Any(IsPrivate);
        }
        catch (SocketException)
        {
            return false; // unknown: the fetch says so itself
        }
    }

    internal static bool IsPrivate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (
            IPAddress.IsLoopback(address)
            || address.IsIPv6LinkLocal
            || address.IsIPv6SiteLocal
            || address.IsIPv6UniqueLocal
        )
            return true;
        if (address.AddressFamily is not AddressFamily.InterNetwork)
            return address.Equals(IPAddress.IPv6Any) || address.IsIPv6Multicast;
        return address.GetAddressBytes() switch
        {
            [0 or 10 or 127, ..] => true,
            [100, >= 64 and < 128, ..] => true,
            [169, 254, ..] => true,
            [172, >= 16 and < 32, ..] => true,
            [192, 168, ..] => true,
            [>= 224, ..] => true,
            _ => false,
        };
    }
}
