using Microsoft.Extensions.Logging;
using TestGrid.Server.Stages;
using TestGrid.Server.Store.Sqlite;

namespace TestGrid.Server.Recording;

/// <summary>
/// The stage that takes jobs back from runners that are not heard from. It also finds jobs that say queued and are on
/// no queue, which a crash between two writes can leave.
/// </summary>
public sealed class LostJobs(Recorder recorder, Leases leases, Bells bells, TimeProvider time, ILogger<LostJobs> log)
    : Stage(Nobody, time, log)
{
    private static readonly Bell Nobody = new(); // time alone wakes it

    private bool begun;

    protected override async Task<bool> DoOneAsync(CancellationToken stop)
    {
        if (!begun)
        {
            await leases.ExtendAllAsync(Recorder.LeaseTime, stop);
            begun = true;
        }
        var strays = await leases.RequeueStrayAsync(stop);
        foreach (var job in strays)
            bells.JobChanged(job);
        if (!strays.IsEmpty)
            bells.Room.Ring();
        return await recorder.ReturnExpiredAsync(stop);
    }
}
