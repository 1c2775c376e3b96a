using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid build …</c>: start, list, show, rerun and cancel builds.</summary>
internal static class BuildCommand
{
    private static readonly Argument<long> Build = new("BUILD") { Description = "the build's id: 42" };

    public static Command Create() =>
        new("build", "builds: start, list, show, rerun, cancel")
        {
            Start(),
            List(),
            Show(),
            Ask("rerun", "run it again: the same commit, as a new build"),
            Ask("cancel", "end its jobs"),
        };

    private static Command Start()
    {
        var repository = new Argument<string>("REPO") { Description = "owner/name, or the repository's id" };
        var branch = new Argument<string?>("BRANCH")
        {
            Description = "the branch whose newest commit to test (default: the repository's own default)",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var happened = new Option<string>("--event")
        {
            Description = "what the build is for: conditions and TRAVIS_EVENT_TYPE see it",
            DefaultValueFactory = _ => "api",
            HelpName = "api|cron",
        };
        happened.AcceptOnlyFromAmong("api", "cron");
        var command = new Command("start", "start a build of a branch's newest commit")
        {
            repository,
            branch,
            happened,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var started = await api.PostAsync<BuildStarted>(
                    "/api/v1/builds",
                    new
                    {
                        repository = parsed.GetValue(repository),
                        branch = parsed.GetValue(branch),
                        @event = parsed.GetValue(happened),
                    },
                    stop
                );
                Console.WriteLine($"build {started.Id}: {new Uri(api.Address, $"/builds/{started.Id}")}");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command List()
    {
        var repository = new Option<string?>("--repo") { Description = "only of this repository" };
        var limit = new Option<int>("--limit") { Description = "how many at the most", DefaultValueFactory = _ => 20 };
        var json = Printed.JsonOption();
        var command = new Command("list", "the newest builds") { repository, limit, json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var filter = parsed.GetValue(repository) is { } slug ? $"&repository={Uri.EscapeDataString(slug)}" : "";
                var list = await api.GetAsync<BuildList>(
                    $"/api/v1/builds?limit={parsed.GetValue(limit)}{filter}",
                    stop
                );
                if (parsed.GetValue(json))
                    return Printed.Lines(list.Builds);
                Printed.Table(
                    ["build", "repository", "state", "jobs", "ref", "commit", "title"],
                    list.Builds.Select(build =>
                        (string[])
                            [
                                $"{build.Id}",
                                $"{build.Repository} #{build.Number}",
                                Printed.State(build.State),
                                Counts(build),
                                build.PullRequest is { } pull
                                    ? $"#{pull.Number} {pull.HeadBranch}"
                                    : build.Branch ?? build.Tag ?? "",
                                build.Sha[..Math.Min(8, build.Sha.Length)],
                                build.Title,
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Show()
    {
        var json = Printed.JsonOption();
        var command = new Command("show", "a build and its jobs") { Build, json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var detail = await api.GetAsync<BuildDetail>($"/api/v1/builds/{parsed.GetValue(Build)}", stop);
                if (parsed.GetValue(json))
                    return Printed.Lines([detail]);
                var build = detail.Build;
                Console.WriteLine(
                    $"build {build.Id}: {Printed.Plain(build.Repository)} #{build.Number}, {build.State}"
                );
                if (build.Sentence is { } sentence)
                    Console.WriteLine(Printed.Plain(sentence));
                else if (build.State is BuildState.Waiting && detail.Jobs.IsEmpty)
                    Console.WriteLine("Its commit is being fetched, and its configuration read.");
                foreach (var problem in detail.Problems)
                    Console.WriteLine(Printed.Plain(problem.ToString()));
                Printed.Table(
                    ["job", "cell", "state", "what"],
                    detail.Jobs.Select(job =>
                        (string[])
                            [
                                job.Id.ToString(),
                                string.Join(", ", job.Values.Select(value => value.Value)),
                                Printed.State(job.State),
                                job.WaitsFor ?? job.Sentence ?? "",
                            ]
                    )
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    // In the order of a job's life; states without a job are not there.
    private static string Counts(BuildSummary build) =>
        string.Join(
            ", ",
            Enum.GetValues<JobState>()
                .Select(state => (state.Word, Count: build.JobCounts.GetValueOrDefault(state.Word)))
                .Where(one => one.Count > 0)
                .Select(one => $"{one.Count} {one.Word}")
        );

    private static Command Ask(string verb, string what)
    {
        var command = new Command(verb, what) { Build };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var id = parsed.GetValue(Build);
                if (verb == "rerun")
                {
                    var again = await api.PostAsync<BuildStarted>($"/api/v1/builds/{id}/rerun", null, stop);
                    Console.WriteLine($"build {again.Id}: {new Uri(api.Address, $"/builds/{again.Id}")}");
                    return ExitCodes.Ok;
                }
                await api.SendAsync(HttpMethod.Post, $"/api/v1/builds/{id}/{verb}", stop);
                Console.WriteLine($"build {id} is being cancelled");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
