using System.Collections.Immutable;
using System.IO.Pipelines;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Terminals;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Runs;

/// <summary>A person's shell in a fresh sandbox: the place that a job of this work tree would get, and its environment.</summary>
internal static class LocalShell
{
    /// <param name="words">What to run instead of an interactive shell; none for that.</param>
    /// <returns>The exit code of the shell, or of what it was to run.</returns>
    public static async Task<int> RunAsync(
        WorkTree tree,
        (int Cell, JobConfig Config) job,
        string title,
        ImmutableArray<string> words,
        ImmutableSortedDictionary<string, string> secrets,
        CancellationToken stop
    )
    {
        if (job.Config.Impossible is { } impossible)
            throw new CommandException($"this job cannot be: {impossible.Sentence}");
        var runners = LocalServices.RunnersPath(DataFolder.Usual());
        RunFolder.Sweep(runners);
        using var folder = RunFolder.Open(runners);
        await using var services = LocalServices.ForRun(tree.Folder, folder);
        var places = services.GetRequiredService<JobPlaces>();
        await LocalRun.PrepareAsync(services.GetRequiredService<BundleStore>(), [job], stop);

        var order = tree.Order(job.Cell, job.Config, LocalServices.JobLimits());
        using var reporter = new TerminalReporter(
            Console.Error,
            TerminalDetail.Summary,
            secrets,
            ImmutableDictionary<JobId, string>.Empty.Add(order.Id, title)
        );
        var claim = (await reporter.ClaimAsync(order.Id, "here", stop))!;
        using var ending = new Ending(order.Limits, TimeProvider.System, stop);
        try
        {
            await using var place = await places.MakeAsync(
                order,
                claim,
                JobScript.CompileShell(order),
                reporter,
                happened => reporter.ReportAsync(claim.Lease, happened, stop),
                ending
            );
            var network = services
                .GetRequiredService<Microsoft.Extensions.Options.IOptions<RunnerOptions>>()
                .Value.Network;
            Say("bundle", $"{place.Bundle.Name} {place.Bundle.Digest}");
            Say("cell", title);
            Say("network", Words(network));
            var errors = PipeWriter.Create(Console.OpenStandardError());
            await places.StartServicesAsync(place, errors, stop);
            var exit = await RunAsync(place.Sandbox, JobPlaces.Command(order, claim, place.Bundle), words, stop);
            if (exit.OutOfMemory)
                Console.Error.WriteLine($"==> out of memory at {order.Limits.MemoryBytes >> 20} MiB");
            return exit.ExitCode;
        }
        catch (Exception e) when (e is not OperationCanceledException && JobRunner.Explain(e) is { } why)
        {
            throw new CommandException(why.Sentence);
        }
    }

    private static async Task<SandboxExit> RunAsync(
        Sandbox sandbox,
        SandboxCommand command,
        ImmutableArray<string> words,
        CancellationToken stop
    )
    {
        command = command with { Argv = [.. command.Argv, .. words] };
        var output = PipeWriter.Create(Console.OpenStandardOutput());
        if (!LocalTerminal.IsHere)
            return await sandbox.RunAsync(command with { Tty = false }, output, stop);
        using var terminal = LocalTerminal.Take();
        var env = command.Env.SetItem("TERM", "xterm-256color");
        return await sandbox.RunAsync(
            command with
            {
                Env = env,
                Tty = true,
                Size = LocalTerminal.Size,
                Keyboard = terminal.Strokes,
            },
            output,
            stop
        );
    }

    private static void Say(string what, string value) => Console.Error.WriteLine($"{what, -10}{value}");

    private static string Words(SandboxNetwork network) =>
        network is SandboxNetwork.Egress
            ? "names and the public internet; never this host or private networks"
            : "none but its own localhost";
}
