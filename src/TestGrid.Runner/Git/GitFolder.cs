using System.Text;

namespace TestGrid.Runner.Git;

/// <summary>What a job's <c>.git</c> shall hold.</summary>
/// <param name="Head">The content of HEAD: a sha (detached, as Travis checks out) or <c>ref: refs/heads/x</c>.</param>
/// <param name="Url">What <c>origin</c> is called; never with a credential.</param>
/// <param name="Refs">Every ref's name and sha; for an annotated tag also what it points at.</param>
internal sealed record GitFolder(
    string Head,
    string Url,
    IReadOnlyCollection<(string Name, string Sha, string? Peeled)> Refs
)
{
    /// <summary>The work tree, seen from the folder, when it is a submodule's.</summary>
    public string? WorkTree { get; init; }

    /// <summary>Borrow objects from where the sandbox shows them.</summary>
    public bool Borrow { get; init; }

    /// <summary>
    /// Its origin is a folder of this machine, or there is none: what the origin had goes along, at <see cref="Here"/>,
    /// so that a job's <c>git fetch</c> finds it as it would find a host's.
    /// </summary>
    public bool OriginHere { get; init; }

    /// <summary>Submodules that are checked out: name and address.</summary>
    public IReadOnlyCollection<(string Name, string Url)> Submodules { get; init; } = [];

    // git goes to the top of the work tree before it reads a relative address.
    private const string Here = ".git/origin";
    private const string Remote = "refs/remotes/origin/";

    /// <summary>Writes a folder that git and libgit2 take for a whole repository; without an index.</summary>
    public void Write(string folder)
    {
        foreach (var part in new[] { "refs/heads", "refs/tags", "objects/info", "objects/pack", "info", "hooks" })
            Directory.CreateDirectory(Path.Combine(folder, part));
        File.WriteAllText(Path.Combine(folder, "HEAD"), Head + "\n");
        File.WriteAllText(Path.Combine(folder, "config"), Config());
        File.WriteAllText(Path.Combine(folder, "info/exclude"), "");
        File.WriteAllText(Path.Combine(folder, "packed-refs"), Packed());
        if (Borrow)
            File.WriteAllText(Path.Combine(folder, "objects/info/alternates"), Workspace.ObjectsMountPoint + "\n");
        if (OriginHere)
            Origin().Write(Path.Combine(folder, Path.GetFileName(Here)));
    }

    // Its branches as they were fetched; of a work tree that has no origin, its own.
    private GitFolder Origin()
    {
        var fetched = Refs.Where(r => r.Name.StartsWith(Remote, StringComparison.Ordinal) && r.Name != Remote + "HEAD")
            .Select(r => ("refs/heads/" + r.Name[Remote.Length..], r.Sha, r.Peeled));
        var own = Refs.Where(r => !r.Name.StartsWith("refs/remotes/", StringComparison.Ordinal));
        return new GitFolder(Head, Url, [.. fetched, .. own]) { Borrow = Borrow };
    }

    private string Config()
    {
        var text = new StringBuilder("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n");
        text.Append("\tlogallrefupdates = true\n");
        // Inodes and owners differ in a sandbox, see GitIndexFile.
        text.Append("\tcheckStat = minimal\n\ttrustctime = false\n");
        if (WorkTree is not null)
            text.Append("\tworktree = ").Append(WorkTree).Append('\n');
        text.Append("[remote \"origin\"]\n\turl = ").Append(Quoted(OriginHere ? Here : Url)).Append('\n');
        text.Append("\tfetch = +refs/heads/*:refs/remotes/origin/*\n");
        foreach (var (name, url) in Submodules)
            text.Append($"[submodule {Quoted(name)}]\n\tactive = true\n\turl = {Quoted(url)}\n");
        return text.ToString();
    }

    private static string Quoted(string value) =>
        $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private string Packed()
    {
        var text = new StringBuilder("# pack-refs with: peeled fully-peeled sorted \n");
        foreach (var (name, sha, peeled) in Refs.DistinctBy(r => r.Name).OrderBy(r => r.Name, StringComparer.Ordinal))
        {
            text.Append(sha).Append(' ').Append(name).Append('\n');
            if (peeled is not null)
                text.Append('^').Append(peeled).Append('\n');
        }
        return text.ToString();
    }
}
