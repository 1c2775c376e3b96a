using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;
using TestGrid.Core.Jobs;
using TestGrid.Runner;
using TestGrid.Runner.Sandboxes;
using TestGrid.Server.Access;

namespace TestGrid.Server.Dashboard;

/// <summary>
/// Shells of persons in the kept sandboxes of failed jobs (<see cref="KeptPlaces"/>), as messages both ways. A message is one
/// byte that says what it is, and the rest: <see cref="Data"/> is what is typed, or shown; <see cref="Other"/> is the
/// window's columns and rows, two bytes each with the higher first, or, from here and last, the exit code in one byte.
/// </summary>
public sealed class KeptShells(KeptPlaces kept, Audit audit, TimeProvider time)
{
    public const byte Data = 0;
    public const byte Other = 1;

    private const int PieceBytes = 16 << 10;
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Most = TimeSpan.FromHours(8);

    /// <summary>Opens one, and tells what it shows, until it has ended.</summary>
    /// <param name="caller">Whose request it is; it leaves two rows in the audit.</param>
    /// <param name="id">The job.</param>
    /// <param name="words">What to run instead of an interactive shell; none for that.</param>
    /// <param name="size">Of the person's window; null for no terminal.</param>
    /// <param name="messages">From the person; at their end the terminal hangs up.</param>
    /// <param name="stop">The person is gone.</param>
    /// <exception cref="HubException">There is nothing to open it in, or this caller may not.</exception>
    public async IAsyncEnumerable<byte[]> OpenAsync(
        HttpContext caller,
        JobId id,
        ImmutableArray<string> words,
        TerminalSize? size,
        IAsyncEnumerable<byte[]> messages,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        using var visit = await EnterAsync(caller, id);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await using var longest = time.CreateTimer(_ => limit.Cancel(), null, Most, Timeout.InfiniteTimeSpan);
        await using var idle = time.CreateTimer(_ => limit.Cancel(), null, Idle, Timeout.InfiniteTimeSpan);
        void Heard() => idle.Change(Idle, Timeout.InfiniteTimeSpan);

        var strokes = Channel.CreateBounded<Stroke>(64);
        var hearing = HearAsync(messages, strokes.Writer, Heard, limit.Token);
        var output = new Pipe();
        var seat = size is { } window ? new TerminalSeat(window.Usable, strokes.Reader) : null;
        var running = RunAsync(visit, words, seat, output.Writer, limit.Token);
        try
        {
            while (true)
            {
                var read = await output.Reader.ReadAsync(CancellationToken.None);
                Heard();
                var piece = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, PieceBytes));
                if (piece.Length > 0)
                    yield return [Data, .. System.Buffers.BuffersExtensions.ToArray(piece)];
                output.Reader.AdvanceTo(piece.End);
                if (read.IsCompleted && piece.Length == read.Buffer.Length)
                    break;
            }
            yield return [Other, (byte)await running];
        }
        finally
        {
            await limit.CancelAsync();
            await output.Reader.CompleteAsync();
            await hearing;
            await audit.WriteAsync(caller, "job.shell", $"jobs/{id}", await Outcome(running));
        }
    }

    private async Task<KeptVisit> EnterAsync(HttpContext caller, JobId id)
    {
        string? refused = null;
        KeptVisit? visit = null;
        if (Caller.Of(caller) is not { OnlyReads: false, RunnerToken: null })
            refused = "This token may only read: a shell needs one of the scope full.";
        else if (!kept.TryEnter(id, out visit))
            refused =
                $"The sandbox of job {id} is not kept here. Those of the last failed jobs of this server's own runner are, for "
                + $"{kept.KeepFor.TotalMinutes:0.#} minutes (runner:keepFailed), but none of a fork's pull request.";
        else if (visit is null)
            refused = $"Somebody is in the sandbox of job {id} already.";
        await audit.WriteAsync(caller, "job.shell", $"jobs/{id}", refused is null ? "opened" : $"refused: {refused}");
        return refused is null ? visit! : throw new HubException(refused);
    }

    private static async Task<int> RunAsync(
        KeptVisit visit,
        ImmutableArray<string> words,
        TerminalSeat? seat,
        PipeWriter output,
        CancellationToken polite
    )
    {
        try
        {
            return (await visit.RunAsync(words, seat, output, polite)).ExitCode;
        }
        finally
        {
            await output.CompleteAsync();
        }
    }

    private static async Task HearAsync(
        IAsyncEnumerable<byte[]> messages,
        ChannelWriter<Stroke> strokes,
        Action heard,
        CancellationToken stop
    )
    {
        try
        {
            await foreach (var message in messages.WithCancellation(stop))
            {
                heard();
                if (message is [Other, var c1, var c2, var r1, var r2])
                    await strokes.WriteAsync(new Stroke(default, new TerminalSize(c1 << 8 | c2, r1 << 8 | r2)), stop);
                else if (message is [Data, .. var typed])
                    await strokes.WriteAsync(new Stroke(typed), stop);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HubException) { } // the person is gone
        finally
        {
            strokes.TryComplete();
        }
    }

    private static async Task<string> Outcome(Task<int> running)
    {
        try
        {
            return $"closed: exit code {await running}";
        }
        catch (Exception e)
        {
            return $"closed: {e.GetType().Name}";
        }
    }
}
