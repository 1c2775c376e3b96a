using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.SignalR;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Sandboxes;
using TestGrid.Server.Store;

namespace TestGrid.Server.Dashboard;

/// <summary>
/// What a page watches, each as one stream. SignalR asks for the next item only when the last one went out, so a slow
/// viewer holds up nobody but itself.
/// </summary>
public sealed class DashboardHub(BuildWatcher watcher, LogFollower follower, KeptShells shells) : Hub
{
    /// <summary>UTF-8 JSON of <see cref="BuildList"/>: at once, and after each change.</summary>
    public IAsyncEnumerable<byte[]> Builds(string? repository, CancellationToken stop) =>
        watcher.WatchListAsync(repository, stop);

    /// <summary>UTF-8 JSON of <see cref="BuildDetail"/>: at once, and after each change, until it is over.</summary>
    public IAsyncEnumerable<byte[]> Build(long id, CancellationToken stop) =>
        Known(watcher.WatchBuildAsync(id, stop), $"There is no build {id}", stop);

    /// <summary>UTF-8 JSON of <see cref="JobDetail"/>: at once, and after each change, until it is over.</summary>
    public IAsyncEnumerable<byte[]> Job(string id, CancellationToken stop) =>
        Known(watcher.WatchJobAsync(Read(id), stop), $"There is no job {id}", stop);

    /// <summary>UTF-8 JSON of <see cref="RunnerList"/>: at once, and every few seconds.</summary>
    public IAsyncEnumerable<byte[]> Runners(CancellationToken stop) => watcher.WatchRunnersAsync(stop);

    /// <summary>UTF-8 JSON of <see cref="ConditionRecord"/>: at once, and after each change.</summary>
    public IAsyncEnumerable<byte[]> Condition(CancellationToken stop) => watcher.WatchConditionAsync(stop);

    /// <summary>A log from an offset on, and what comes; ends when the attempt is over and all of it was sent.</summary>
    /// <param name="id">42.3</param>
    /// <param name="attempt">From 1, or 0 for the newest.</param>
    /// <param name="from">In bytes: where the last chunk that arrived ended.</param>
    /// <param name="stop">Ends it.</param>
    public IAsyncEnumerable<LogChunk> Log(string id, int attempt, long from, CancellationToken stop) =>
        follower.FollowAsync(Read(id), Math.Max(0, attempt), Math.Max(0, from), stop);

    /// <summary>A shell in the kept sandbox of a failed job; see <see cref="KeptShells"/> for the messages.</summary>
    /// <param name="id">42.3</param>
    /// <param name="words">What to run instead of an interactive shell; none for that.</param>
    /// <param name="columns">Of the person's window; 0 for no terminal.</param>
    /// <param name="rows">As <paramref name="columns"/>.</param>
    /// <param name="messages">From the person.</param>
    /// <param name="stop">Ends it.</param>
    public IAsyncEnumerable<byte[]> Shell(
        string id,
        string[] words,
        int columns,
        int rows,
        IAsyncEnumerable<byte[]> messages,
        CancellationToken stop
    ) =>
        shells.OpenAsync(
            Context.GetHttpContext()!,
            Read(id),
            [.. words],
            columns > 0 && rows > 0 ? new TerminalSize(columns, rows) : null,
            messages,
            stop
        );

    private static JobId Read(string id) =>
        JobId.TryParse(id, CultureInfo.InvariantCulture, out var job)
            ? job
            : throw new HubException("That is not a job: write it as 42.3.");

    // A stream that ends without a word would look like a build that is over.
    private static async IAsyncEnumerable<byte[]> Known(
        IAsyncEnumerable<byte[]> snapshots,
        string otherwise,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        var any = false;
        await foreach (var snapshot in snapshots.WithCancellation(stop))
        {
            any = true;
            yield return snapshot;
        }
        if (!any)
            throw new HubException(otherwise);
    }
}
