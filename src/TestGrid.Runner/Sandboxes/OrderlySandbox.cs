using System.IO.Pipelines;
using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes;

/// <summary>Keeps the seam's order of calls: one command at a time, one end, and no command after it.</summary>
internal abstract class OrderlySandbox : Sandbox
{
    /// <summary>Where the command ended without a word of its own: it was killed with the sandbox.</summary>
    internal const int Killed = 128 + Posix.Sigkill;

    /// <summary>How a command ends that is asked to before it has begun.</summary>
    internal const int Terminated = 128 + Posix.Sigterm;

    /// <summary>What ends the input of a terminal: Ctrl-D.</summary>
    internal const byte EndKey = 4;

    private readonly CancellationTokenSource ended = new();
    private readonly Lock gate = new();
    private readonly string name;
    private readonly HashSet<string> served = [];
    private readonly List<Task> serving = [];
    private Task running = Task.CompletedTask;
    private Task? disposing;

    /// <param name="name">The sandbox's.</param>
    protected OrderlySandbox(string name) => (this.name, Ended) = (name, ended.Token);

    /// <summary>Cancelled when it is disposed of: nobody waits for its command's words any more.</summary>
    protected CancellationToken Ended { get; }

    public sealed override async ValueTask<SandboxExit> RunAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    )
    {
        Task<SandboxExit> run;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposing is not null, this);
            if (!running.IsCompleted)
                throw new InvalidOperationException($"Sandbox {name} runs a command already.");
            running = run = RunOneAsync(command, output, polite);
        }
        return await run;
    }

    public sealed override async ValueTask<SandboxExit> ServeAsync(
        string service,
        SandboxCommand command,
        PipeWriter output
    )
    {
        Task<SandboxExit> serves;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposing is not null, this);
            if (!served.Add(service))
                throw new InvalidOperationException($"Sandbox {name} serves {service} already.");
            serving.Add(serves = ServeOneAsync(service, command, output));
        }
        return await serves;
    }

    public sealed override async ValueTask SaveLayerAsync(
        Stream output,
        IReadOnlyCollection<string> without,
        CancellationToken stop
    )
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, Ended);
        Task save;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposing is not null, this);
            if (!running.IsCompleted)
                throw new InvalidOperationException($"Sandbox {name} runs a command, and may still write.");
            running = save = SaveOneAsync(output, without, either.Token);
        }
        await save;
    }

    public sealed override async ValueTask DisposeAsync()
    {
        Task task;
        lock (gate)
            task = disposing ??= DisposeOnceAsync();
        await task;
    }

    protected abstract Task<SandboxExit> RunOneAsync(
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    );

    protected abstract Task<SandboxExit> ServeOneAsync(string service, SandboxCommand command, PipeWriter output);

    protected virtual Task SaveOneAsync(Stream output, IReadOnlyCollection<string> without, CancellationToken stop) =>
        Task.FromException(new SandboxException("This sandbox engine saves no layers."));

    /// <summary>Ends and removes everything. Never throws.</summary>
    /// <param name="running">
    /// The last command, and the services: they end with the sandbox, and may still ask how. They may fail.
    /// </param>
    protected abstract Task EndAsync(Task running);

    private async Task DisposeOnceAsync()
    {
        await ended.CancelAsync();
        await EndAsync(Task.WhenAll([running, .. serving]));
        ended.Dispose();
    }
}
