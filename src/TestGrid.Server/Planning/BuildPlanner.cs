using System.Collections.Immutable;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Imports;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Git;
using TestGrid.Server.Access;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Planning;

/// <summary>What was made of a build.</summary>
public abstract record Planned
{
    /// <summary>It has jobs.</summary>
    public sealed record WithJobs(BuildPlan Plan) : Planned;

    /// <summary>It is over with no job at all.</summary>
    /// <param name="Problems">What is wrong in its configuration.</param>
    public sealed record WithoutJobs(BuildVerdict Verdict, string? File, ImmutableArray<ConfigProblem> Problems)
        : Planned;

    /// <summary>Its repository cannot be fetched just now, or has not what it needs yet.</summary>
    /// <param name="Why">Why it waits.</param>
    /// <param name="AtLast">How it ends when that does not change; null for an error of the machinery.</param>
    public sealed record Later(string Why, BuildVerdict? AtLast = null) : Planned;
}

/// <summary>Makes one build's plan from its commit. It changes nothing.</summary>
public sealed class BuildPlanner(
    CommitFiles files,
    RegisteredImports imports,
    RepositoryBundles bundles,
    RepositoryStore repositories,
    PlanningOptions options,
    PublicAddress address
)
{
    public async Task<Planned> MakeAsync(UnplannedBuild build, CancellationToken stop)
    {
        try
        {
            var credential = repositories.Credential(build.Repository.Id);
            var commit = build.Trigger.Commit;
            if (commit.Sha.Length == 0 && build.Trigger.PullRequest is { } pull)
            {
                if (await files.FindMergeAsync(build.Repository.Ref, pull, credential, stop) is not { } merge)
                    return NoMerge(build.Repository, pull);
                commit = merge with { Author = commit.Author.Length > 0 ? commit.Author : merge.Author };
            }
            else if (commit.Sha.Length == 0)
                commit = await ResolveAsync(build, commit, credential, stop);
            var file = await files.ReadConfigAsync(build.Repository.Ref, commit, credential, stop);
            return file is null
                ? NoConfig()
                : await MakeAsync(build with { Trigger = build.Trigger with { Commit = commit } }, file, stop);
        }
        catch (CommitGoneException e)
        {
            return new Planned.WithoutJobs(new(BuildState.Errored, JobReason.CommitGone, e.Message), null, []);
        }
        catch (GitFetchException e)
        {
            return new Planned.Later(e.Message);
        }
    }

    private async Task<CommitRef> ResolveAsync(
        UnplannedBuild build,
        CommitRef commit,
        GitCredential? credential,
        CancellationToken stop
    )
    {
        var newest = await files.ResolveAsync(build.Repository.Ref, commit.Ref, credential, stop);
        // What the sender said of it stays; what it left out comes from the commit.
        return newest with
        {
            Message = commit.Message.Length > 0 ? commit.Message : newest.Message,
            Author = commit.Author.Length > 0 ? commit.Author : newest.Author,
        };
    }

    private async Task<Planned> MakeAsync(UnplannedBuild build, CommitFile file, CancellationToken stop)
    {
        if (file.Refused is { } refused)
            return new Planned.WithoutJobs(new(BuildState.Errored, JobReason.Config, refused), file.Name, []);
        var settings = new ConfigSettings(bundles.Offered.Recipes(), build.Trigger, build.Repository.Slug)
        {
            Services = bundles.Offered.Services(),
            RunsWithoutServices = options.RunsWithoutServices,
            MaxCells = options.JobsMax,
        };
        settings = await ConfigImports.CollectAsync(
            file.Name,
            file.Bytes,
            settings,
            imports.Of(build.Repository, build.Trigger.Commit),
            stop
        );
        var reading = CiConfigReader.Read(file.Name, file.Bytes, settings);
        if (reading is ConfigReading.Unwanted unwanted)
            return new Planned.WithoutJobs(
                new(BuildState.Cancelled, unwanted.Reason, unwanted.Sentence),
                file.Name,
                unwanted.Problems
            );
        if (reading is ConfigReading.Refused(var problems))
            return new Planned.WithoutJobs(
                new(BuildState.Errored, JobReason.Config, Sentence(problems)),
                file.Name,
                problems
            );
        var config = ((ConfigReading.Read)reading).Config;
        if (config.WhyNotBuilt(build.Trigger) is var (reason, sentence))
            return new Planned.WithoutJobs(new(BuildState.Cancelled, reason, sentence), file.Name, config.Problems);
        var jobs = await bundles.CheckAsync(build, config.Jobs, repositories.Credential(build.Repository.Id), stop);
        return new Planned.WithJobs(Plan(build, config with { Jobs = jobs }));
    }

    private BuildPlan Plan(UnplannedBuild build, CiConfig config)
    {
        var most = options.Limits.ToLimits();
        var orders = config.Jobs.Select(
            (job, index) =>
                new JobOrder(
                    new JobId(build.Id, index + 1),
                    build.Number,
                    build.Repository.Ref,
                    build.Trigger,
                    ForWhom(job, build.Trigger),
                    job.Limits?.Within(most) ?? most,
                    address.Url
                )
        );
        return new BuildPlan(
            build.Trigger.Commit,
            config.File,
            config.Axes,
            config.Problems,
            config.FastFinish,
            [.. orders.Where(order => build.OnlyCell is null || order.Id.Cell == build.OnlyCell)],
            config.FailFast,
            config.MaxParallel,
            Decided(config)
        );
    }

    // Once for all jobs of the build, wherever they run: what is rebuilt meanwhile is for the builds after it.
    private ImmutableDictionary<string, BundleDigest> Decided(CiConfig config)
    {
        var decided = ImmutableDictionary.CreateBuilder<string, BundleDigest>(StringComparer.Ordinal);
        var recipes = config.Jobs.SelectMany(job => job.Services.Select(one => one.Bundle).Prepend(job.Bundle));
        foreach (var recipe in recipes.Distinct(StringComparer.Ordinal))
        {
            if (
                ((BundleForm.Read(recipe, out _) as BundleForm.Exact)?.Digest ?? bundles.Offered.DigestOf(recipe)) is
                { } digest
            )
                decided[recipe] = digest;
        }
        return decided.ToImmutable();
    }

    private static JobConfig ForWhom(JobConfig job, Trigger trigger) =>
        trigger.PullRequest is { IsFork: true } pull
            ? job with
            {
                Notes = job.Notes.Add(
                    $"this pull request comes from the fork {pull.HeadSlug ?? "(deleted)"}: it gets no secrets."
                ),
            }
            : job;

    private static Planned.Later NoMerge(Repository repository, PullRequest pull)
    {
        var why =
            $"{repository.Host} has no merge of #{pull.Number} at {pull.HeadSha[..10]} into {pull.BaseBranch}: "
            + "it conflicts, is closed, or has newer commits";
        return new Planned.Later(why, new BuildVerdict(BuildState.Cancelled, BuildReason.NotMergeable, why));
    }

    private static Planned.WithoutJobs NoConfig() =>
        new(
            new(
                BuildState.Errored,
                JobReason.Config,
                "the commit has neither .testgrid.yml nor .travis.yml: add one at the root of the repository"
            ),
            null,
            []
        );

    private static string Sentence(ImmutableArray<ConfigProblem> problems)
    {
        var errors = problems.Where(problem => problem.IsError).ToList();
        return errors switch
        {
            [] => "the configuration cannot be read",
            [var only] => only.ToString(),
            [var first, ..] => $"{first} (and {errors.Count - 1} more)",
        };
    }
}
