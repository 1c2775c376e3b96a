using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Core.Jobs;
using TestGrid.Server.Dashboard;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid job …</c>: read a job's log, run it again, end it.</summary>
internal static class JobCommand
{
    private static readonly Argument<JobId> Job = new("JOB")
    {
        Description = "the job: 42.3 is cell 3 of build 42",
        CustomParser = result =>
        {
            if (JobId.TryParse(result.Tokens[0].Value, null, out var id))
                return id;
            result.AddError($"'{result.Tokens[0].Value}' is not a job: write it as 42.3");
            return default;
        },
    };

    public static Command Create() =>
        new("job", "jobs: logs, show, rerun, cancel, shell")
        {
            Logs(),
            Show(),
            Ask("rerun", "run this one job again, as a new build"),
            Ask("cancel", "end it"),
            JobShellCommand.Create(Job),
        };

    private static Command Logs()
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "go on until the job is over" };
        var attempt = new Option<int>("--attempt") { Description = "an earlier attempt's log (default: the newest)" };
        var command = new Command("logs", "a job's log, as raw bytes on standard output") { Job, follow, attempt };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var query =
                    $"?attempt={parsed.GetValue(attempt)}&follow={(parsed.GetValue(follow) ? "true" : "false")}";
                await using var log = await api.StreamAsync($"/api/v1/jobs/{parsed.GetValue(Job)}/log{query}", stop);
                await using var output = Console.OpenStandardOutput();
                await log.CopyToAsync(output, stop);
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Command Show()
    {
        var json = Printed.JsonOption();
        var command = new Command("show", "where a job stands, and why") { Job, json };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var detail = await api.GetAsync<JobDetail>($"/api/v1/jobs/{parsed.GetValue(Job)}", stop);
                if (parsed.GetValue(json))
                    return Printed.Lines([detail]);
                var job = detail.Job;
                Console.WriteLine(
                    $"job {job.Id}: {Printed.Word(job.State)}. {Printed.Plain(job.WaitsFor ?? job.Sentence ?? "")}"
                );
                Console.WriteLine(
                    $"bundle {Printed.Plain(job.Bundle)} {job.BundleDigest}{(job.IsUnlocked ? " (unlocked)" : "")}"
                );
                if (job.Use is { } use)
                    Console.WriteLine(use.InWords());
                Printed.Table(
                    ["phase", "exit", "seconds"],
                    detail.Phases.Select(phase => (string[])[phase.Phase, $"{phase.ExitCode}", $"{phase.Seconds:0.0}"])
                );
                Printed.Table(
                    ["command", "exit", "seconds", "memory", "processor", "disk"],
                    detail.Commands.Select(Row)
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    // A figure that nobody counted is a dash.
    private static string[] Row(CommandRecord command) =>
        [
            Printed.Plain(command.Command.Length > 60 ? command.Command[..59] + "…" : command.Command),
            $"{command.ExitCode}",
            $"{command.Seconds:0.0}",
            command.Use?.PeakMemoryBytes is { } memory ? $"{memory >> 20} MiB" : "-",
            command.Use?.CpuSeconds is { } processor ? $"{processor:0.0} s" : "-",
            command.Use?.DiskBytes is { } disk ? $"{disk >> 20} MiB" : "-",
        ];

    private static Command Ask(string verb, string what)
    {
        var command = new Command(verb, what) { Job };
        command.SetAction(
            async (parsed, stop) =>
            {
                using var api = ApiClient.For(parsed);
                var id = parsed.GetValue(Job);
                if (verb == "rerun")
                {
                    var again = await api.PostAsync<BuildStarted>($"/api/v1/jobs/{id}/rerun", null, stop);
                    Console.WriteLine($"build {again.Id}: {new Uri(api.Address, $"/builds/{again.Id}")}");
                    return ExitCodes.Ok;
                }
                await api.SendAsync(HttpMethod.Post, $"/api/v1/jobs/{id}/{verb}", stop);
                Console.WriteLine($"job {id} is being cancelled");
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
