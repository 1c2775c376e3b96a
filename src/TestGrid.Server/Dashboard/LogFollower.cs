using System.Runtime.CompilerServices;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Output;
using TestGrid.Server.Stages;
using TestGrid.Server.Store;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Dashboard;

/// <summary>
/// A log as it grows: the file, then each ring. It keeps nothing for a viewer: the file is the buffer, and a viewer
/// that is slow, or was away, goes on in it at its offset.
/// </summary>
public sealed class LogFollower(LogFiles logs, BuildViews views, Bells bells, TimeProvider time)
{
    private static readonly TimeSpan PollTime = TimeSpan.FromSeconds(5);

    /// <summary>What is there now.</summary>
    public IAsyncEnumerable<LogChunk> ReadAsync(JobId job, LogPlace place, long from, CancellationToken stop) =>
        logs.ReadAsync(job, place.Attempt, from, stop);

    /// <summary>What is there from an offset on, and what comes; ends when the attempt is over and all of it was given.</summary>
    /// <param name="job">The job.</param>
    /// <param name="attempt">From 1, or 0 for the newest: the first, when there is none yet.</param>
    /// <param name="from">In bytes.</param>
    /// <param name="stop">Ends it.</param>
    public async IAsyncEnumerable<LogChunk> FollowAsync(
        JobId job,
        int attempt,
        long from,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        var pace = Pace.OfLog(time);
        while (true)
        {
            // The order matters: what rings or is written after these lines is seen in the next round.
            var output = bells.OutputOf(job).NextRing;
            var change = bells.OfJob(job).NextRing;
            if (views.Log(job, attempt) is not { } place)
                yield break;
            if (place.Attempt > 0)
            {
                attempt = place.Attempt; // the newest at the first look: a log does not go on in another's
                await foreach (var chunk in logs.ReadAsync(job, attempt, from, stop))
                {
                    yield return chunk;
                    from = chunk.End;
                    pace.Sent();
                }
            }
            if (place.Over)
                yield break;
            await Task.WhenAny(output, change).OrAfter(PollTime, time, stop);
            if (pace.Rest is var rest && rest > TimeSpan.Zero)
                await Task.Delay(rest, time, stop);
        }
    }
}
