using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config.Imports;
using TestGrid.Runner.Git;
using TestGrid.Server.Planning;

namespace TestGrid.Tests.Server.Support;

/// <summary>A repository with manners: it has what a test puts in, and can be away or have lost a commit.</summary>
public sealed class MemoryCommits : CommitFiles
{
    private readonly ConcurrentQueue<Exception> troubles = new();

    /// <summary>The configuration of every commit, or null when it has none.</summary>
    public string? Config { get; set; } = "language: c\nenv:\n  - N=1\n  - N=2\nscript: make test\n";

    /// <summary>The recipes there are.</summary>
    public ImmutableArray<BundleOffer> Recipes { get; } = [new("base", "generic", []), new("c", "c", [])];

    /// <summary>Those that serve beside a job.</summary>
    public ImmutableArray<ServiceOffer> Services { get; set; } = [];

    /// <summary>Those of them that this machine has built.</summary>
    public Dictionary<string, BundleDigest> Built { get; } = [];

    /// <summary>Why the file is not read, or null.</summary>
    public string? Refused { get; set; }

    /// <summary>What is asked waits for this.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public int Asked { get; private set; }

    public GitCredential? Credential { get; private set; }

    /// <summary>The next question meets this.</summary>
    public void Meet(Exception trouble) => troubles.Enqueue(trouble);

    public override async ValueTask<CommitFile?> ReadConfigAsync(
        RepositoryRef repository,
        CommitRef commit,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        await Gate.WaitAsync(stop);
        (Asked, Credential) = (Asked + 1, credential);
        if (troubles.TryDequeue(out var trouble))
            throw trouble;
        return Config is { } text ? new CommitFile(".testgrid.yml", Encoding.UTF8.GetBytes(text), Refused) : null;
    }

    /// <summary>Files to import, by <c>owner/name:path</c>, with <c>@ref</c> where one is asked for.</summary>
    public Dictionary<string, string> Files { get; } = [];

    public override ValueTask<ImportedFile> ReadImportAsync(
        RepositoryRef repository,
        string? revision,
        string path,
        GitCredential? credential,
        CancellationToken stop
    ) =>
        ValueTask.FromResult<ImportedFile>(
            Files.TryGetValue($"{repository.Slug}:{path}{(revision is null ? "" : "@" + revision)}", out var text)
                ? new ImportedFile.Text(Encoding.UTF8.GetBytes(text))
                : new ImportedFile.Refused("there is no such file")
        );

    /// <summary>What the host has merged; null while it has not.</summary>
    public CommitRef? Merge { get; set; } = new(new string('e', 40), "refs/pull/12/merge", "A fix", "Eve");

    public override ValueTask<CommitRef?> FindMergeAsync(
        RepositoryRef repository,
        PullRequest pull,
        GitCredential? credential,
        CancellationToken stop
    ) => ValueTask.FromResult(Merge);

    public override async ValueTask<CommitRef> ResolveAsync(
        RepositoryRef repository,
        string reference,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        await Gate.WaitAsync(stop);
        if (troubles.TryDequeue(out var trouble))
            throw trouble;
        return new CommitRef(Some.Sha, reference is "HEAD" ? "refs/heads/main" : reference, "The newest", "Ada");
    }
}
