using TestGrid.Core.Builds;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Git;

/// <summary>Puts a commit and its submodules together into one folder that a sandbox can use.</summary>
/// <param name="need">Makes sure that a submodule's commit is in its mirror.</param>
internal sealed class GitAssembly(
    GitOptions options,
    GitShelf shelf,
    Func<GitUrl, string, CancellationToken, Task> need
)
{
    private const int Deepest = 8;
    private int submodules;

    private readonly List<(string From, string To)> borrowed = [];
    private long bytes;

    /// <returns>What the files take, in bytes.</returns>
    public async Task<long> BuildAsync(
        GitUrl url,
        RepositoryRef repository,
        string sha,
        string tree,
        bool withSubmodules,
        CancellationToken stop
    )
    {
        var git = Path.Combine(tree, ".git");
        // A path of this machine tells a job nothing that it can use.
        var origin = url.Kind is GitUrlKind.Local ? repository.Slug : url.Text;
        await Task.Run(() => PlaceAsync(new Part(url, sha, tree, git, origin, 0), withSubmodules, stop), stop);
        (long, long)? owner =
            Posix.EffectiveUser() == 0 ? (options.IdBase + options.UserId, options.IdBase + options.UserId) : null;
        Posix.Dress(tree, owner, null);
        // After the handing over: a linked object file is the mirror's own, and stays root's.
        foreach (var (from, to) in borrowed)
            LinkedObjects.Make(from, to, owner);
        return bytes;
    }

    private sealed record Part(GitUrl Url, string Sha, string Tree, string Git, string Origin, int Depth);

    private async Task PlaceAsync(Part part, bool withSubmodules, CancellationToken stop)
    {
        var mirror = shelf.MirrorOf(part.Url);
        var contents = new GitFolder(part.Sha, part.Origin, GitCheckout.RefsAsCloned(mirror, part.Sha))
        {
            Borrow = part.Depth == 0,
            OriginHere = part.Depth == 0 && part.Url.Kind is GitUrlKind.Local,
            WorkTree = part.Depth == 0 ? null : Path.GetRelativePath(part.Git, part.Tree),
        };
        var (links, text, size) = new GitCheckout(options, stop).Run(mirror, part.Sha, part.Tree, part.Git, contents);
        bytes += size;
        if (part.Depth > 0)
        {
            // Only one folder of objects is shown in a sandbox, the top's; a submodule has its own, linked not copied.
            borrowed.Add((Path.Combine(mirror, "objects"), Path.Combine(part.Git, "objects")));
            var up = Path.GetRelativePath(part.Tree, part.Git);
            await File.WriteAllTextAsync(Path.Combine(part.Tree, ".git"), $"gitdir: {up}\n", stop);
        }
        if (!withSubmodules || links.Count == 0 || text is null)
            return;
        var placed = new List<(string, string)>();
        foreach (var module in GitModules.Read(text))
        {
            if (links.FirstOrDefault(link => link.Path == module.Path) is not { Sha: { } commit })
                continue; // .gitmodules may name what the commit no longer has
            var from = await AddressAsync(part, module, stop);
            await need(from, commit, stop);
            var place = Path.Combine(part.Tree, module.Path);
            var git = Path.Combine(part.Git, "modules", module.Name);
            var origin = from.Kind is GitUrlKind.Local ? module.Url : from.Text;
            await PlaceAsync(new Part(from, commit, place, git, origin, part.Depth + 1), true, stop);
            placed.Add((module.Name, origin));
        }
        (contents with { Submodules = placed }).Write(part.Git);
    }

    private async Task<GitUrl> AddressAsync(Part part, GitModule module, CancellationToken stop)
    {
        var parent = part.Url;
        if (++submodules > options.MaxSubmodules)
            throw new GitFetchException(
                $"The commit has more than {options.MaxSubmodules} submodules (Git:MaxSubmodules)."
            );
        if (part.Depth >= Deepest)
            throw new GitFetchException($"The submodule \"{module.Name}\" is nested too deeply.");
        var relative =
            module.Url.StartsWith("./", StringComparison.Ordinal)
            || module.Url.StartsWith("../", StringComparison.Ordinal);
        var text = relative ? parent.Resolve(module.Url) : module.Url;
        // A pusher may name a sibling of a repository that the operator registered by path, and no other path.
        var beside = relative && parent.Kind is GitUrlKind.Local && IsBeside(parent.Path, text);
        if (!GitUrl.Check(text, allowLocal: beside, out var url, out var problem))
            throw new GitFetchException(
                $"The submodule \"{module.Name}\" is not fetched: {problem} (.gitmodules says {Shown(module.Url)})"
            );
        // A host that the operator registered is trusted as it was; any other may not be one of our own network.
        if (
            url.Kind is not GitUrlKind.Local
            && url.Host != parent.Host
            && !options.PrivateSubmodules
            && await PrivateAddress.IsPrivateAsync(url.Host, stop)
        )
            throw new GitFetchException(
                $"The submodule \"{module.Name}\" is not fetched: {url.Host} is in a private network "
                    + "(Git:PrivateSubmodules)."
            );
        return url;
    }

    private static bool IsBeside(string registered, string path) =>
        Path.GetDirectoryName(registered) is { Length: > 1 } parent
        && path.StartsWith(parent + "/", StringComparison.Ordinal)
        && new DirectoryInfo(path) is { Exists: true, LinkTarget: null };

    private static string Shown(string url) => new([.. url.Take(200).Select(c => char.IsControl(c) ? '?' : c)]);
}
