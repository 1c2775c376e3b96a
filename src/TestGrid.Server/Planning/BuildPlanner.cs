using System.Collections.Immutable;
using TestGrid.Core.Builds;
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

    /// <summary>Its repository cannot be fetched just now.</summary>
    public sealed record Later(string Why) : Planned;
}

/// <summary>Makes one build's plan from its commit. It changes nothing.</summary>
public sealed class BuildPlanner(
    CommitFiles files,
    RegisteredImports imports,
    OfferedRecipes recipes,
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
            if (commit.Sha.Length == 0)
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
        var settings = new ConfigSettings(recipes(), build.Trigger, build.Repository.Slug)
        {
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
        if (reading is ConfigReading.Refused(var problems))
            return new Planned.WithoutJobs(
                new(BuildState.Errored, JobReason.Config, Sentence(problems)),
                file.Name,
                problems
            );
        var config = ((ConfigReading.Read)reading).Config;
        if (
            build.Trigger.Kind is TriggerKind.Push or TriggerKind.Tag
            && config.WhyNotBuilt(build.Trigger.Commit) is { } why
        )
        {
            var skipped = new BuildVerdict(BuildState.Cancelled, BuildReason.Skipped, why);
            return new Planned.WithoutJobs(skipped, file.Name, config.Problems);
        }
        return new Planned.WithJobs(Plan(build, config));
    }

    private BuildPlan Plan(UnplannedBuild build, CiConfig config)
    {
        var orders = config.Jobs.Select(
            (job, index) =>
                new JobOrder(
                    new JobId(build.Id, index + 1),
                    build.Number,
                    build.Repository.Ref,
                    build.Trigger,
                    job,
                    job.Limits?.Within(options.Limits) ?? options.Limits,
                    address.Url
                )
        );
        return new BuildPlan(
            build.Trigger.Commit,
            config.File,
            config.Axes,
            config.Problems,
            config.FastFinish,
            [.. orders.Where(order => build.OnlyCell is null || order.Id.Cell == build.OnlyCell)]
        );
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
