using System.Text;
using LibGit2Sharp;
using TestGrid.Core.Builds;

namespace TestGrid.Tests.Support;

/// <summary>A real git repository made in a test.</summary>
public sealed class TestRepository : IDisposable
{
    private static readonly Signature Author = new(
        "Ada",
        "ada@example.org",
        DateTimeOffset.FromUnixTimeSeconds(1_700_000_000)
    );
    private readonly Repository repository;

    public TestRepository(string path)
    {
        Path = Directory.CreateDirectory(path).FullName;
        Repository.Init(Path);
        repository = new Repository(Path);
        repository.Refs.UpdateTarget("HEAD", "refs/heads/main");
    }

    public string Path { get; }

    public RepositoryRef Reference => new(1, "local", "ada/sample", Path);

    public string Head => repository.Head.Tip.Sha;

    /// <summary>Commits these files on top of what is there; null removes one.</summary>
    public string Commit(string message, params (string Path, string? Content)[] files)
    {
        foreach (var (path, content) in files)
        {
            var full = System.IO.Path.Combine(Path, path);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full)!);
            if (content is null)
                File.Delete(full);
            else
                File.WriteAllText(full, content);
            Commands.Stage(repository, path);
        }
        return repository.Commit(message, Author, Author).Sha;
    }

    /// <summary>Makes a commit out of entries that no work tree could hold, and lets a branch stand at it.</summary>
    public string CommitTree(string branch, params (string Path, string Content, Mode Mode)[] entries)
    {
        var definition = new TreeDefinition();
        foreach (var (path, content, mode) in entries)
            definition.Add(path, Blob(content), mode);
        return CommitTree(branch, repository.ObjectDatabase.CreateTree(definition));
    }

    /// <summary>
    /// Lets the host's merge of a pull request stand at <c>refs/pull/NUMBER/merge</c>: a commit of that head's files
    /// whose parents are the current branch and the head.
    /// </summary>
    public string Pull(int number, string head)
    {
        var tip = repository.Lookup<Commit>(head);
        var merge = repository.ObjectDatabase.CreateCommit(
            Author,
            Author,
            $"Merge {head}",
            tip.Tree,
            [repository.Head.Tip, tip],
            false
        );
        repository.Refs.Add($"refs/pull/{number}/merge", merge.Id, allowOverwrite: true);
        repository.Refs.Add($"refs/pull/{number}/head", tip.Id, allowOverwrite: true);
        return merge.Sha;
    }

    public string CommitTree(string branch, Tree tree)
    {
        var commit = repository.ObjectDatabase.CreateCommit(Author, Author, branch, tree, [], false);
        repository.Refs.Add("refs/heads/" + branch, commit.Id, allowOverwrite: true);
        return commit.Sha;
    }

    /// <summary>A tree written byte by byte, so that it may hold any name.</summary>
    public Tree RawTree(params (string Mode, string Name, GitObject Target)[] entries)
    {
        var bytes = new List<byte>();
        foreach (var (mode, name, target) in entries)
        {
            bytes.AddRange(Encoding.Latin1.GetBytes($"{mode} {name}\0"));
            bytes.AddRange(target.Id.RawId);
        }
        return repository.Lookup<Tree>(repository.ObjectDatabase.Write<Tree>([.. bytes]));
    }

    public Blob Blob(string content) =>
        repository.ObjectDatabase.CreateBlob(new MemoryStream(Encoding.UTF8.GetBytes(content)));

    /// <summary>Commits a submodule the way <c>git submodule add</c> does, without asking for its address.</summary>
    public string CommitSubmodule(string name, string path, string url, string sha)
    {
        var tree = TreeDefinition.From(repository.Head.Tip).AddGitLink(path, new ObjectId(sha));
        tree.Add(
            ".gitmodules",
            Blob($"[submodule \"{name}\"]\n\tpath = {path}\n\turl = {url}\n"),
            Mode.NonExecutableFile
        );
        var made = repository.ObjectDatabase.CreateTree(tree);
        var commit = repository.ObjectDatabase.CreateCommit(
            Author,
            Author,
            "submodule",
            made,
            [repository.Head.Tip],
            false
        );
        repository.Refs.UpdateTarget(repository.Refs["refs/heads/main"], commit.Id);
        return commit.Sha;
    }

    public void Tag(string name) => repository.ApplyTag(name, Author, name);

    public void Branch(string name) => repository.Branches.Add(name, repository.Head.Tip, allowOverwrite: true);

    public void ResetTo(string sha) => repository.Reset(ResetMode.Hard, repository.Lookup<Commit>(sha));

    public void Dispose() => repository.Dispose();
}
