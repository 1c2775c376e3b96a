using System.Globalization;
using TestGrid.Scenarios.Support;

namespace TestGrid.Scenarios;

/// <summary>A job that writes without end.</summary>
public sealed class LogLimitTests : IDisposable
{
    private const int LogBytes = 1 << 20;

    private readonly TempFolder data = new();
    private readonly TempFolder source = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_job_that_writes_without_end_is_errored_at_the_limit_and_nothing_is_cut_out_of_its_log(bool tty)
    {
        await File.WriteAllTextAsync(
            Path.Combine(data.Path, "testgrid.json"),
            $$"""{ "planning": { "limits": { "logBytes": {{LogBytes}}, "grace": "00:00:01" } } }""",
            Stop
        );
        using var repository = new GitRepository(source.Path).Write(
            ".testgrid.yml",
            $"tty: {(tty ? "true" : "false")}\nscript: trap '' TERM; seq 100000000\nafter_failure: echo never\n"
        );
        repository.Commit();
        await using var server = await TestGridProcess.StartAsync(data.Path, Stop);
        var secret = await server.RegisterAsync(repository.Folder, "log/limit", Stop);
        var build = await server.PushAsync(repository, "log/limit", secret, Stop);

        var ended = await server.FinishedAsync(build, Stop);
        var log = await server.LogAsync($"{build}.1", Stop);

        var job = ended.GetProperty("jobs")[0];
        Assert.Equal("errored", job.Text("state"));
        Assert.Equal("log-limit", job.Text("reason"));
        Assert.Contains("limit of 1,048,576 bytes", job.Text("sentence"), StringComparison.Ordinal);
        // All up to the limit, every line of it, and then only why.
        Assert.InRange(log.Length, LogBytes, LogBytes + 1000);
        var numbers = log.ReplaceLineEndings("\n")
            .Split('\n')
            .SkipWhile(line => line != "1")
            .TakeWhile(line => int.TryParse(line, CultureInfo.InvariantCulture, out _))
            .Select(line => int.Parse(line, CultureInfo.InvariantCulture))
            .ToArray();
        Assert.Equal(Enumerable.Range(1, numbers.Length - 1), numbers[..^1]); // the last may be half a number
        Assert.InRange(numbers.Length, LogBytes / 9, LogBytes);
        Assert.Contains("The log grew over its limit", log[^1000..], StringComparison.Ordinal);
        Assert.DoesNotContain("never", log[^1000..], StringComparison.Ordinal);
    }

    public void Dispose()
    {
        source.Dispose();
        data.Dispose();
    }
}
