using System.Diagnostics;
using System.IO.Pipelines;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Services;

namespace TestGrid.Tests.Runner.Services;

/// <summary>The shell that watches over a service, run for real but in no sandbox.</summary>
public sealed class RunningServiceTests
{
    [Fact]
    public async Task It_is_ready_when_its_check_is_met_and_not_before_and_its_log_holds_no_mark()
    {
        var service = Start(["bash", "-c", "echo begun; exec sleep 0.3"], ["false"]);

        var exit = await service.Ended;

        Assert.Equal((0, false), (exit.ExitCode, service.IsReady.IsCompleted));
        Assert.Equal("begun\n", Encoding.UTF8.GetString(service.Log.Bytes));

        var ready = Start(["bash", "-c", "echo begun; exec sleep 0.3"], ["true"]);
        await ready.IsReady.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await ready.Ended;
        Assert.Equal("begun\n", Encoding.UTF8.GetString(ready.Log.Bytes));
    }

    [Fact]
    public async Task One_that_ends_first_is_never_ready_and_ends_with_its_own_code()
    {
        var service = Start(["bash", "-c", "echo no; exit 7"], ["false"]);

        Assert.Equal(7, (await service.Ended).ExitCode);
        Assert.False(service.IsReady.IsCompleted);
    }

    private static RunningService Start(string[] start, string[] ready) =>
        RunningService.Start(
            new Bare(),
            new JobService("side", "service-side", new RecipeService { Start = [.. start], Ready = [.. ready] })
        );

    private sealed class Bare : Sandbox
    {
        public override async ValueTask<SandboxExit> ServeAsync(
            string service,
            SandboxCommand command,
            PipeWriter output
        )
        {
            using var process = Process.Start(
                new ProcessStartInfo(command.Argv[0], command.Argv.Skip(1)) { RedirectStandardOutput = true }
            )!;
            await process.StandardOutput.BaseStream.CopyToAsync(output, CancellationToken.None);
            await process.WaitForExitAsync(CancellationToken.None);
            return new SandboxExit(process.ExitCode);
        }

        public override ValueTask<SandboxExit> RunAsync(
            SandboxCommand command,
            PipeWriter output,
            CancellationToken polite
        ) => throw new NotSupportedException();

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
