using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.IO.Pipelines;
using TestGrid.Core.Config;
using TestGrid.Core.Orders;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner.Services;

/// <summary>
/// One service beside a job, from its start to its end, which comes at the latest with the sandbox: whether it is ready,
/// how it ended, and the end of what it said.
/// </summary>
internal sealed class RunningService
{
    private const string Ready = "ready";

    // The check runs beside what is checked: in the same files, as the same user, under the same limits. That it was
    // met is told by a mark in the output, as the phases of a job are, which nobody else can write by chance.
    private const string Watch = """
        key=$1 port=$2 ready=("${@:4:$3}"); shift "$((3 + $3))"
        "$@" </dev/null &
        check() {
          if [[ ${#ready[@]} -gt 0 ]]; then "${ready[@]}"; else (: 3<>"/dev/tcp/127.0.0.1/$port"); fi
        }
        until check </dev/null >/dev/null 2>&1; do
          kill -0 $! 2>/dev/null || { wait $!; exit; }
          sleep 0.05
        done
        printf '\033]testgrid;%s;begin;ready\007' "$key"
        wait $!
        """;

    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Pipe pipe = new();
    private readonly LogTail tail = new();

    private RunningService(JobService service) => Service = service;

    public JobService Service { get; }

    /// <summary>Done when its health check was met; never, if it ends before.</summary>
    public Task IsReady => ready.Task;

    /// <summary>How it ended.</summary>
    public Task<SandboxExit> Ended { get; private set; } = Task.FromResult(new SandboxExit(0));

    /// <summary>The end of what it has said up to now.</summary>
    public (byte[] Bytes, long LeftOut) Log => tail.Read();

    /// <summary>Its name and version, as people say it.</summary>
    public string Title => $"{Service.Name} {Service.Service.Version}";

    /// <summary>Starts it; returns at once.</summary>
    public static RunningService Start(Sandbox sandbox, JobService service)
    {
        var running = new RunningService(service);
        running.Ended = running.ServeAsync(sandbox);
        return running;
    }

    private async Task<SandboxExit> ServeAsync(Sandbox sandbox)
    {
        var key = PhaseMarks.NewKey();
        var reading = ReadAsync(new PhaseMarks(key));
        try
        {
            return await sandbox.ServeAsync(Service.Name, Command(key), pipe.Writer);
        }
        finally
        {
            await pipe.Writer.CompleteAsync();
            await reading;
        }
    }

    private SandboxCommand Command(string key)
    {
        var plan = Service.Service;
        var home = "/";
        ImmutableArray<string> argv =
        [
            "/bin/bash",
            "-c",
            Watch,
            Service.Name,
            key,
            plan.Port.ToString(CultureInfo.InvariantCulture),
            plan.Ready.Length.ToString(CultureInfo.InvariantCulture),
            .. plan.Ready,
            .. plan.Start,
        ];
        var env = ImmutableSortedDictionary<string, string>
            .Empty.Add("HOME", home)
            .Add("USER", plan.User)
            .Add("LANG", "C.UTF-8")
            .Add("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        return new SandboxCommand(argv, env, home, plan.User);
    }

    private async Task ReadAsync(PhaseMarks marks)
    {
        var log = new ArrayBufferWriter<byte>();
        var phases = new List<PhaseEnd>();
        while (true)
        {
            var read = await pipe.Reader.ReadAsync();
            foreach (var segment in read.Buffer)
                marks.Take(segment.Span, log, phases);
            if (read.IsCompleted)
                marks.Complete(log);
            tail.Add(log.WrittenSpan);
            log.ResetWrittenCount();
            pipe.Reader.AdvanceTo(read.Buffer.End);
            if (marks.Current == Ready)
                ready.TrySetResult();
            if (read.IsCompleted)
                return;
        }
    }
}
