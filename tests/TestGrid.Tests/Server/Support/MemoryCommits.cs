using System.Collections.Concurrent;
using System.Text;
using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Runner.Git;
using TestGrid.Server.Planning;

namespace TestGrid.Tests.Server.Support;

/// <summary>A repository with manners: it has what a test puts in, and can be away or have lost a commit.</summary>
public sealed class MemoryCommits : CommitFiles
{
    private readonly ConcurrentQueue<Exception> troubles = new();

    /// <summary>What the configuration of every commit means.</summary>
    public ConfigReading Config { get; set; } = new ConfigReading.Read(Some.Grid(Some.Config("1"), Some.Config("2")));

    /// <summary>Is there a file at all?</summary>
    public bool HasFile { get; set; } = true;

    /// <summary>What is asked waits for this.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    public int Asked { get; private set; }

    public GitCredential? Credential { get; private set; }

    /// <summary>The next question meets this.</summary>
    public void Meet(Exception trouble) => troubles.Enqueue(trouble);

    public ConfigReading Read(string file, ReadOnlyMemory<byte> bytes) => Config;

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
        return HasFile ? new CommitFile(".testgrid.yml", Encoding.UTF8.GetBytes("script: true\n")) : null;
    }

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
