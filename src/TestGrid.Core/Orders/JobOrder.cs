using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;

namespace TestGrid.Core.Orders;

/// <summary>
/// Everything a runner needs to run one job, and nothing it must look up: the message on the queue.
/// It holds no secret and no credential: those come with the claim's reply.
/// </summary>
/// <param name="Id">The job.</param>
/// <param name="BuildNumber">The build's number within its repository, for people and <c>TRAVIS_BUILD_NUMBER</c>.</param>
/// <param name="Repository">Where to fetch from.</param>
/// <param name="Trigger">Why, and which commit.</param>
/// <param name="Config">What to run.</param>
/// <param name="Limits">What it may use.</param>
/// <param name="PublicUrl">The dashboard's address, for <c>TRAVIS_BUILD_WEB_URL</c>; empty when there is none.</param>
public sealed record JobOrder(
    JobId Id,
    long BuildNumber,
    RepositoryRef Repository,
    Trigger Trigger,
    JobConfig Config,
    JobLimits Limits,
    string PublicUrl = ""
);
