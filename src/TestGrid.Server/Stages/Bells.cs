using TestGrid.Core.Jobs;

namespace TestGrid.Server.Stages;

/// <summary>
/// Every bell of the house. Those of builds and jobs are a fixed set that the ids are spread over: two jobs may share
/// one, which wakes a listener for nothing now and then, and no bell is ever left behind by a job that is over.
/// </summary>
public sealed class Bells
{
    private const int Spread = 1024; // a power of two

    private readonly Bell[] jobs = Make();
    private readonly Bell[] builds = Make();
    private readonly Bell[] outputs = Make();

    /// <summary>A build was stored and waits for its plan.</summary>
    public Bell Unplanned { get; } = new();

    /// <summary>A job waits, or a runner has room.</summary>
    public Bell Room { get; } = new();

    /// <summary>Some build changed: the list of builds is worth another look.</summary>
    public Bell Builds { get; } = new();

    /// <summary>A repository, or a delivery to one, changed.</summary>
    public Bell Repositories { get; } = new();

    /// <summary>A runner came, went, or changed.</summary>
    public Bell Runners { get; } = new();

    /// <summary>Something that the server needs went wrong, or is well again.</summary>
    public Bell Condition { get; } = new();

    /// <summary>This build, or one of its jobs, changed.</summary>
    public Bell OfBuild(long build) => builds[build & (Spread - 1)];

    /// <summary>This job changed its state, or what it waits for.</summary>
    public Bell OfJob(JobId job) => jobs[(uint)job.GetHashCode() & (Spread - 1)];

    /// <summary>This job wrote output. Apart from <see cref="OfJob"/>, because it rings a thousand times as often.</summary>
    public Bell OutputOf(JobId job) => outputs[(uint)job.GetHashCode() & (Spread - 1)];

    /// <summary>Rings for a job, its build and the list of builds.</summary>
    public void JobChanged(JobId job)
    {
        OfJob(job).Ring();
        BuildChanged(job.Build);
    }

    /// <summary>Rings for a build and the list of builds.</summary>
    public void BuildChanged(long build)
    {
        OfBuild(build).Ring();
        Builds.Ring();
    }

    private static Bell[] Make() => [.. Enumerable.Range(0, Spread).Select(_ => new Bell())];
}
