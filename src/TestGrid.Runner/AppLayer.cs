using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using TestGrid.Core.Orders;
using TestGrid.Runner.Layers;
using TestGrid.Runner.Output;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner;

/// <summary>One job's app layer: there, to be made, or not to be had.</summary>
public sealed class AppLayer : IAsyncDisposable
{
    private readonly LayerLease? lease;
    private readonly Func<Sandbox, CancellationToken, Task<LayerRecord>>? keep;

    private AppLayer(string words, LayerLease? lease, Func<Sandbox, CancellationToken, Task<LayerRecord>>? keep) =>
        (Words, this.lease, this.keep) = (words, lease, keep);

    /// <summary>What the log's head says: <c>hit sha256:…</c>, <c>miss: package-lock.json changed</c>, <c>off: engine docker</c>.</summary>
    public string Words { get; }

    /// <summary>The layer that the sandbox is made with; null when there is none.</summary>
    public string? Path => lease?.RootPath;

    internal static AppLayer Hit(LayerLease lease) =>
        new($"hit {lease.Record.Digest} of job {lease.Record.Job}", lease, null);

    internal static AppLayer Off(string why) => new($"off: {why}", null, null);

    internal static AppLayer Miss(
        LayerStore store,
        LayerRecord draft,
        string why,
        string checkout,
        IEnumerable<string> secrets
    )
    {
        return new($"miss: {why}", null, KeepAsync);

        Task<LayerRecord> KeepAsync(Sandbox sandbox, CancellationToken stop) =>
            store.KeepAsync(
                draft,
                async (output, end) =>
                {
                    await using var scan = new SecretScan(output, new Redactor(secrets));
                    await sandbox.SaveLayerAsync(scan, Left, end);
                    scan.Complete();
                },
                tar => LayerCheck.OnlyAdds(tar, "u1", checkout),
                stop
            );
    }

    // What the script makes anew in every part, and what git and ssh keep of one checkout and one person.
    private static IReadOnlyCollection<string> Left { get; } = [.. JobScript.OwnFiles, "/home/travis/.ssh"];

    /// <summary>Runs a job's script: in one part when there is no layer to be had, else in those that are needed.</summary>
    public async ValueTask<SandboxExit> RunAsync(
        Sandbox sandbox,
        SandboxCommand command,
        PipeWriter output,
        CancellationToken polite
    )
    {
        if (lease is not null)
            return await sandbox.RunAsync(Part(command, JobPart.Reuse), output, polite);
        if (keep is null)
            return await sandbox.RunAsync(command, output, polite);
        var exit = await sandbox.RunAsync(Part(command, JobPart.Install), output, polite);
        if (exit.ExitCode != JobScript.Installed || exit.OutOfMemory || polite.IsCancellationRequested)
            return exit;
        var said = await KeepAsync(sandbox, polite);
        if (polite.IsCancellationRequested)
            return exit; // what ended it knows the verdict
        await output.WriteAsync(Encoding.UTF8.GetBytes($"\e[90mapp layer \e[0m{said}\r\n"), polite);
        return await sandbox.RunAsync(Part(command, JobPart.Rest), output, polite);
    }

    public ValueTask DisposeAsync() => lease?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<string> KeepAsync(Sandbox sandbox, CancellationToken stop)
    {
        try
        {
            var record = await keep!(sandbox, stop);
            return string.Create(
                CultureInfo.InvariantCulture,
                $"kept {record.Digest} ({record.Bytes / 1048576.0:0.#} MiB)"
            );
        }
        catch (Exception e) when (e is LayerException or SandboxException)
        {
            return "not kept: " + new string([.. e.Message.Select(letter => char.IsControl(letter) ? ' ' : letter)]);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            return "not kept: the job was ended";
        }
    }

    private static SandboxCommand Part(SandboxCommand command, JobPart part) =>
        command with
        {
            Env = command.Env.SetItem(JobScript.PartVariable, part.ToString().ToLowerInvariant()),
        };

    /// <summary>Lets a layer pass while no secret's value is in it, plainly or as secrets usually leak.</summary>
    private sealed class SecretScan(Stream inner, Redactor redactor) : Stream
    {
        private readonly ArrayBufferWriter<byte> masked = new();

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            Scan(buffer.Span, last: false);
            await inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Write(byte[] buffer, int offset, int count)
        {
            Scan(buffer.AsSpan(offset, count), last: false);
            inner.Write(buffer, offset, count);
        }

        public void Complete() => Scan([], last: true);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        private void Scan(ReadOnlySpan<byte> bytes, bool last)
        {
            if (redactor.IsIdle)
                return;
            masked.ResetWrittenCount();
            redactor.Redact(bytes, last, masked);
            if (redactor.HasMasked)
                throw new LayerException("a file that install made holds a secret's value");
        }
    }
}
