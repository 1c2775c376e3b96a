using System.Text;
using TestGrid.Core.Builds;
using TestGrid.Core.Config.Imports;
using TestGrid.Runner.Git;
using TestGrid.Server.Planning;

namespace TestGrid.Cli.Serving;

/// <summary>The planner reads commits from the embedded runner's mirrors: one clone serves both.</summary>
internal sealed class MirrorCommitFiles(GitMirror mirror) : CommitFiles
{
    private const string Heads = "refs/heads/";
    private static readonly string[] Names = [".testgrid.yml", ".travis.yml"];

    public override async ValueTask<CommitFile?> ReadConfigAsync(
        RepositoryRef repository,
        CommitRef commit,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        foreach (var name in Names)
        {
            switch (await mirror.ReadFileAsync(repository, commit.Sha, name, credential, stop))
            {
                case GitFile.Text(var content):
                    return new CommitFile(name, Encoding.UTF8.GetBytes(content));
                case GitFile.Refused(var why):
                    return new CommitFile(name, default, why);
            }
        }
        return null;
    }

    public override async ValueTask<ImportedFile> ReadImportAsync(
        RepositoryRef repository,
        string? revision,
        string path,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        if (await mirror.FindAsync(repository, revision, credential, stop) is not { } sha)
            return new ImportedFile.Refused(
                revision is null
                    ? $"{repository.Slug} has no default branch"
                    : $"{repository.Slug} has no branch, tag or commit '{revision}'"
            );
        return await mirror.ReadFileAsync(repository, sha, path, credential, stop) switch
        {
            GitFile.Text(var content) => new ImportedFile.Text(Encoding.UTF8.GetBytes(content)),
            GitFile.Refused(var why) => new ImportedFile.Refused(why.TrimEnd('.')),
            _ => new ImportedFile.Refused($"there is no such file in {repository.Slug} at {sha[..10]}"),
        };
    }

    public override ValueTask<CommitRef?> FindMergeAsync(
        RepositoryRef repository,
        PullRequest pull,
        GitCredential? credential,
        CancellationToken stop
    ) => mirror.FindMergeAsync(repository, pull, credential, stop);

    public override async ValueTask<CommitRef> ResolveAsync(
        RepositoryRef repository,
        string reference,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var branch = reference.StartsWith(Heads, StringComparison.Ordinal) ? reference[Heads.Length..] : null;
        return await mirror.ResolveAsync(repository, branch, credential, stop)
            ?? throw new CommitGoneException(
                branch is null
                    ? $"{repository.Slug} has no default branch."
                    : $"{repository.Slug} has no branch '{branch}'."
            );
    }
}
