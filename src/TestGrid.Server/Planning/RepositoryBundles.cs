using System.Collections.Immutable;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Imports;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Git;
using TestGrid.Server.Store;

namespace TestGrid.Server.Planning;

/// <summary>
/// Looks at the recipes that a commit keeps for its own jobs, before one of them is queued: recipe and lock must be there
/// and agree, and a stranger's must be what the repository itself has.
/// </summary>
public sealed class RepositoryBundles(CommitFiles files, OfferedBundles offered)
{
    /// <summary>The bundles of this machine.</summary>
    public OfferedBundles Offered => offered;

    /// <summary>The jobs, those of them impossible whose recipe is.</summary>
    /// <exception cref="GitFetchException">The repository cannot be fetched.</exception>
    public async Task<ImmutableArray<JobConfig>> CheckAsync(
        UnplannedBuild build,
        ImmutableArray<JobConfig> jobs,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var checkedJobs = jobs;
        foreach (var name in jobs.Select(job => job.Bundle).Distinct(StringComparer.Ordinal))
        {
            if (
                BundleForm.Read(name, out _) is not BundleForm.Own form
                || await WhyNotAsync(build, form, credential, stop) is not { } why
            )
                continue;
            var impossible = new JobImpossible(JobReason.NoBundle, $"bundle: {name}: {why}");
            checkedJobs =
            [
                .. checkedJobs.Select(job =>
                    job.Bundle == name && job.Impossible is null ? job with { Impossible = impossible } : job
                ),
            ];
        }
        return checkedJobs;
    }

    private async Task<string?> WhyNotAsync(
        UnplannedBuild build,
        BundleForm.Own form,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var sha = build.Trigger.Commit.Sha;
        if (await ReadAsync(sha, form.Path) is not { } recipe)
            return $"there is no {form.Path} at this commit that can be read.";
        var locked = await ReadAsync(sha, form.LockPath);
        if (offered.ProblemOf(form.Path, recipe, locked) is { } problem)
            return problem;
        if (build.Trigger.PullRequest is not { IsFork: true } pull)
            return null;
        // What stands in a recipe runs as root of a build. Of who may only propose, nothing new does.
        return
            await ReadAsync(pull.BaseBranch, form.Path) == recipe
            && await ReadAsync(pull.BaseBranch, form.LockPath) == locked
            ? null
            : $"this pull request comes from a fork and changes {form.Path} or its lock: a bundle is built only from what is on "
                + $"{pull.BaseBranch}. Remedy: somebody who may push brings the recipe in by a change of its own.";

        async Task<string?> ReadAsync(string revision, string path) =>
            await files.ReadImportAsync(build.Repository.Ref, revision, path, credential, stop)
                is ImportedFile.Text(var utf8)
                ? Encoding.UTF8.GetString(utf8.Span)
                : null;
    }
}
