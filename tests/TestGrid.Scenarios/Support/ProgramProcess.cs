using System.Diagnostics;

namespace TestGrid.Scenarios.Support;

/// <summary>The real program in a process of its own, as a user starts it, and what it says.</summary>
internal sealed class ProgramProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly bool isElsewhere;
    private readonly Lock gate = new();
    private readonly List<string> lines = [];
    private TaskCompletionSource news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool over;

    private ProgramProcess(Process process, bool isElsewhere)
    {
        (this.process, this.isElsewhere) = (process, isElsewhere);
        process.OutputDataReceived += (_, e) => Heard(e.Data);
        process.ErrorDataReceived += (_, e) => Heard(e.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => Tell(() => over = true);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>On another machine it is the child of the one that went there.</summary>
    public int ProcessId => isElsewhere ? TestHost.FirstChild(process.Id) : process.Id;

    /// <summary>Everything it wrote, for a failing test to show.</summary>
    public string Said
    {
        get
        {
            lock (gate)
                return string.Join('\n', lines);
        }
    }

    public static ProgramProcess Start(params string[] arguments) => StartOn(null, arguments);

    public static ProgramProcess StartOn(TestHost? host, params string[] arguments) =>
        StartWith(new Dictionary<string, string?>(), host, arguments);

    /// <param name="environment">More of it; null takes a variable away.</param>
    /// <param name="host">Another machine, or null.</param>
    /// <param name="arguments">The command line.</param>
    public static ProgramProcess StartWith(
        IReadOnlyDictionary<string, string?> environment,
        TestHost? host,
        params string[] arguments
    )
    {
        string[] command = [.. host?.Enter ?? [], "dotnet", Path.Combine(AppContext.BaseDirectory, "testgrid.dll")];
        var start = new ProcessStartInfo(command[0], [.. command[1..], .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in host?.Environment.Concat(environment) ?? environment)
            start.Environment[name] = value;
        return new ProgramProcess(Process.Start(start)!, host is not null);
    }

    /// <summary>The same by way of another program, which shows its output and hands SIGTERM on: <c>docker run</c>.</summary>
    public static ProgramProcess Start(ProcessStartInfo start) => new(Process.Start(start)!, false);

    /// <summary>Waits for a line with these words in it.</summary>
    public async Task<string> SaysAsync(string words, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        try
        {
            while (true)
            {
                Task ring;
                lock (gate)
                {
                    if (lines.Find(line => line.Contains(words, StringComparison.Ordinal)) is { } found)
                        return found;
                    ring = news.Task;
                    Assert.False(over, $"it ended and never said '{words}':\n{string.Join('\n', lines)}");
                }
                await ring.WaitAsync(patience.Token);
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            Assert.Fail($"it never said '{words}':\n{Said}");
            throw;
        }
    }

    /// <summary>SIGKILL: what a crash, a power cut or the kernel's memory killer does.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM: what a service manager does.</summary>
    public Task TerminateAsync(CancellationToken stop) => SignalAsync("TERM", stop);

    /// <summary>SIGINT: what Ctrl-C does.</summary>
    public Task InterruptAsync(CancellationToken stop) => SignalAsync("INT", stop);

    /// <summary>Waits for its end; its exit code.</summary>
    public async Task<int> ExitAsync(CancellationToken stop)
    {
        await process.WaitForExitAsync(stop);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            try
            {
                await TerminateAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }
        }
        process.Dispose();
    }

    private async Task SignalAsync(string signal, CancellationToken stop)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{ProcessId}"]);
        await process.WaitForExitAsync(stop);
    }

    private void Heard(string? line)
    {
        if (line is not null)
            Tell(() => lines.Add(line));
    }

    private void Tell(Action what)
    {
        TaskCompletionSource ring;
        lock (gate)
        {
            what();
            (ring, news) = (news, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        ring.SetResult();
    }
}
