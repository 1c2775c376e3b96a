using System.Security.Cryptography;
using System.Text;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>What bundles were made of that no recipe of this machine names: made once for all who ask, and kept in mind.</summary>
internal sealed class KeptSources(BundleOptions options, TimeProvider time)
{
    private readonly BundleShelf shelf = new(options, new LockShelf(options), time);
    private readonly SharedBuilds builds = new();

    /// <param name="source">Names all that decides the bundle.</param>
    /// <param name="make">Makes it, and puts it onto the shelf.</param>
    /// <param name="keep">Whether what it became may be taken again.</param>
    public async ValueTask<BundleLease> GetAsync(
        string source,
        Func<IProgress<BundleProgress>, CancellationToken, Task<BundleRecord>> make,
        bool keep,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        while (true)
        {
            if (keep && shelf.TryLeaseOf(source) is { } lease)
                return lease;
            await builds.JoinAsync(source, MakeAsync, progress, stop);
        }

        async Task MakeAsync(IProgress<BundleProgress> heard, CancellationToken end)
        {
            var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(source)));
            await using var ours = await FileLock.HoldAsync(
                shelf.LockOf($"source-{key}"),
                time,
                () => heard.Report(new BundleProgress("of this job", 0, "another process is making it")),
                end
            );
            if (shelf.TryLeaseOf(source) is { } made)
                await made.DisposeAsync();
            else
                shelf.Remember(source, await make(heard, end));
        }
    }
}
