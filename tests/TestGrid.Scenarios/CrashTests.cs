using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>The program is killed as nothing can prepare for, in the middle of a job, and started again.</summary>
public sealed class CrashTests : IDisposable
{
    private const string Slug = "crash/test";

    private readonly TempFolder data = new();
    private readonly TempFolder source = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_whose_server_and_runner_are_killed_ends_with_one_verdict_and_leaves_nothing()
    {
        // The first attempt waits for ever; it leaves a mark outside of what the next attempt can see, so the
        // second can only pass if it starts fresh, and only finish if the job is told to by its attempt's log.
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            """
            tty: false
            script:
              - echo "sleeping $TESTGRID_JOB"
              - if [ "$TESTGRID_ATTEMPT" = 1 ]; then sleep 3141592; fi
            """
        );
        repository.Commit();
        long build;
        await using (var first = await TestGridProcess.StartAsync(data.Path, Stop))
        {
            var secret = await first.RegisterAsync(repository.Folder, Slug, Stop);
            build = await first.PushAsync(repository, Slug, secret, Stop);
            await first.LogHasAsync($"{build}.1", "sleeping", Stop);
            await Until.TrueAsync(() => Sleepers().Length > 0, Stop); // the log tells of a command before it runs

            await first.KillAsync();
        }

        // The kernel ends what the pod's lifeline held; it may take a moment.
        await Until.TrueAsync(() => Sleepers().Length == 0, Stop);
        await using var second = await TestGridProcess.StartAsync(data.Path, Stop);
        var ended = await second.FinishedAsync(build, Stop);

        var job = ended.GetProperty("jobs")[0];
        Assert.Equal("passed", job.Text("state"));
        Assert.Equal(2, job.GetProperty("attempt").GetInt32());
        var attempts = (await second.GetAsync($"/api/v1/jobs/{build}.1", Stop)).GetProperty("attempts");
        Assert.Equal(2, attempts.GetArrayLength());
        Assert.Single(attempts.EnumerateArray(), attempt => attempt.Text("state") == "passed");
        Assert.Empty(Sleepers());
        // A job's place goes while its verdict is told.
        var scripts = Path.Combine(data.Path, "runner", "embedded", "scripts");
        await Until.TrueAsync(() => Directory.GetFileSystemEntries(scripts).Length == 0, Stop);
    }

    [Fact]
    public async Task A_server_that_is_asked_to_stop_gives_its_jobs_back_and_leaves_no_process()
    {
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            """
            script:
              - echo "sleeping $TESTGRID_JOB"
              - if [ "$TESTGRID_ATTEMPT" = 1 ]; then sleep 3141593; fi
            """
        );
        repository.Commit();
        long build;
        await using (var first = await TestGridProcess.StartAsync(data.Path, Stop))
        {
            var secret = await first.RegisterAsync(repository.Folder, Slug, Stop);
            build = await first.PushAsync(repository, Slug, secret, Stop);
            await first.LogHasAsync($"{build}.1", "sleeping", Stop);

            await first.TerminateAsync(Stop);
        }

        Assert.Empty(Sleepers());
        await using var second = await TestGridProcess.StartAsync(data.Path, Stop);
        Assert.Equal("passed", (await second.FinishedAsync(build, Stop)).GetProperty("jobs")[0].Text("state"));
    }

    public void Dispose()
    {
        data.Dispose();
        source.Dispose();
    }

    private static string[] Sleepers() =>
        [
            .. Directory
                .EnumerateDirectories("/proc")
                .Where(process => char.IsAsciiDigit(Path.GetFileName(process)[0]))
                .Where(process => CommandLine(process).StartsWith("sleep\0314159", StringComparison.Ordinal)),
        ];

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return ""; // it has just ended
        }
    }
}
