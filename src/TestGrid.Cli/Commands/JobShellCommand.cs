using System.Collections.Immutable;
using System.CommandLine;
using System.Threading.Channels;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Terminals;
using TestGrid.Core.Jobs;
using TestGrid.Server.Dashboard;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid job shell</c>: a person's shell where a job failed, in the sandbox that was kept of it.</summary>
internal static class JobShellCommand
{
    /// <param name="job">The argument that names the job.</param>
    public static Command Create(Argument<JobId> job)
    {
        var words = new Argument<string[]>("COMMAND")
        {
            Description = "run this instead of an interactive shell, and end with its exit code; write it after --",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command(
            "shell",
            "a shell in the kept sandbox of a failed job: the failed command's folder, with the job's variables and functions"
        )
        {
            job,
            words,
        };
        command.SetAction(
            async (parsed, stop) =>
            {
                var run = parsed.GetValue(words) ?? [];
                var id = parsed.GetValue(job);
                if (run.Length == 0 && !LocalTerminal.IsHere)
                    throw new CommandException(
                        $"a shell needs a terminal, and here is none. Give it a command: testgrid job shell {id} -- ls",
                        ExitCodes.Usage
                    );
                return await RunAsync(Connection.Find(parsed), id, [.. run], stop);
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        Connection to,
        JobId id,
        ImmutableArray<string> words,
        CancellationToken stop
    )
    {
        await using var hub = new HubConnectionBuilder()
            .WithUrl(new Uri(to.Url, "/live"), options => options.AccessTokenProvider = () => Task.FromResult(to.Token))
            .Build();
        try
        {
            await hub.StartAsync(stop);
        }
        catch (HttpRequestException e)
        {
            throw new CommandException($"{to.Url} does not let us in or is not there: {e.Message}");
        }
        using var terminal = LocalTerminal.IsHere ? LocalTerminal.Take() : null;
        var size = terminal is null ? default : LocalTerminal.Size;
        var messages = terminal is null
            ? Channel.CreateUnbounded<byte[]>().Reader.ReadAllAsync(stop)
            : Told(terminal, stop);
        await using var output = Console.OpenStandardOutput();
        try
        {
            var shown = hub.StreamAsync<byte[]>(
                "Shell",
                $"{id}",
                words.ToArray(),
                size.Columns,
                size.Rows,
                messages,
                stop
            );
            await foreach (var message in shown)
            {
                if (message is [KeptShells.Data, .. var bytes])
                    await output.WriteAsync(bytes, stop);
                else if (message is [KeptShells.Other, var code])
                    return code;
            }
        }
        catch (HubException e)
        {
            // SignalR puts words of its own before ours.
            const string ours = "HubException: ";
            var at = e.Message.IndexOf(ours, StringComparison.Ordinal);
            throw new CommandException(at < 0 ? e.Message : e.Message[(at + ours.Length)..]);
        }
        throw new CommandException("the server ended the shell without a word; its log may say why");
    }

    private static async IAsyncEnumerable<byte[]> Told(
        LocalTerminal terminal,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop
    )
    {
        await foreach (var stroke in terminal.Strokes.ReadAllAsync(stop))
        {
            if (stroke.Size is { } size)
                yield return [KeptShells.Other, .. Two(size.Columns), .. Two(size.Rows)];
            if (!stroke.Typed.IsEmpty)
                yield return [KeptShells.Data, .. stroke.Typed.Span];
        }
    }

    private static byte[] Two(int number) => [(byte)(number >> 8), (byte)number];
}
