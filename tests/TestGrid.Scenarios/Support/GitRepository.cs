using LibGit2Sharp;

namespace TestGrid.Scenarios.Support;

/// <summary>A real git repository made for one test.</summary>
internal sealed class GitRepository : IDisposable
{
    private static readonly DateTimeOffset Then = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Repository git;
    private int commits;

    public GitRepository(string folder)
    {
        Folder = folder;
        Directory.CreateDirectory(folder);
        Repository.Init(folder);
        git = new Repository(folder);
        git.Refs.UpdateTarget("HEAD", "refs/heads/master"); // what most projects of Travis's time call it
    }

    public string Folder { get; }

    public string Sha => git.Head.Tip.Sha;

    public GitRepository Write(string path, string text)
    {
        var file = Path.Combine(Folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return this;
    }

    public GitRepository Commit(string message = "A change")
    {
        // A project may have committed what its own .gitignore names (uthash did): all of a release belongs in.
        LibGit2Sharp.Commands.Stage(git, "*", new StageOptions { IncludeIgnored = true });
        var author = new Signature("Ada", "ada@example.org", Then.AddMinutes(commits++));
        git.Commit(message, author, author, new CommitOptions { AllowEmptyCommit = true });
        return this;
    }

    /// <summary>
    /// A pull request with this file changed, and the host's merge of it; its opening, in GitHub's words.
    /// </summary>
    public object Pull(string slug, int number, string from, string path, string text)
    {
        var target = git.Head.Tip;
        var author = new Signature("Eve", "eve@example.org", Then.AddMinutes(commits++));
        var tree = TreeDefinition.From(target);
        using (var content = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(text)))
            tree.Add(path, git.ObjectDatabase.CreateBlob(content), Mode.NonExecutableFile);
        var files = git.ObjectDatabase.CreateTree(tree);
        var head = git.ObjectDatabase.CreateCommit(author, author, "Eve's change", files, [target], true);
        var merge = git.ObjectDatabase.CreateCommit(author, author, "Merge", files, [target, head], true);
        git.Refs.Add($"refs/pull/{number}/merge", merge.Id, allowOverwrite: true);
        return new
        {
            action = "opened",
            number,
            pull_request = new
            {
                user = new { login = "eve" },
                head = new
                {
                    @ref = "topic",
                    sha = head.Sha,
                    repo = new { full_name = from },
                },
                @base = new
                {
                    @ref = "master",
                    sha = target.Sha,
                    repo = new { full_name = slug },
                },
            },
            repository = new { id = 7, full_name = slug },
        };
    }

    /// <summary>A push of the newest commit, in GitHub's words.</summary>
    /// <param name="slug"><c>owner/name</c></param>
    /// <param name="branch">The branch it is pushed to, if not the one it stands on.</param>
    public object PushPayload(string slug, string? branch = null) =>
        new
        {
            @ref = branch is null ? git.Head.CanonicalName : "refs/heads/" + branch,
            before = new string('0', 40),
            after = Sha,
            created = true,
            deleted = false,
            head_commit = new
            {
                id = Sha,
                message = git.Head.Tip.Message,
                author = new { name = "Ada", email = "ada@example.org" },
            },
            repository = new { id = 7, full_name = slug },
        };

    public void Dispose() => git.Dispose();
}
