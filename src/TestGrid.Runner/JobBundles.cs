using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Imports;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;

namespace TestGrid.Runner;

/// <summary>Which bundle a job runs in: as its configuration names it, and one digest of it for its whole build.</summary>
public sealed class JobBundles(BundleStore store, ImageBundles images, OwnBundles recipes)
{
    /// <summary>The bundle that the build has decided on, or this machine's own, when the build takes that.</summary>
    /// <param name="name">As the configuration names it.</param>
    /// <param name="checkingOut">Awaited where the bundle lies in the repository.</param>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    internal async ValueTask<BundleLease> GetAsync(
        string name,
        JobClaim claim,
        Task<Workspace> checkingOut,
        IJobReporter reporter,
        IProgress<BundleProgress> progress,
        Ending ending
    )
    {
        var form = BundleForm.Read(name, out var problem) ?? throw new BundleException($"bundle: {name}: {problem}.");
        var known = claim.Bundle ?? (form as BundleForm.Exact)?.Digest;
        var found = known is null ? null : await store.FindExactlyAsync(name, known, progress, ending.Polite);
        if (found is not null)
            return found;
        var mine = form switch
        {
            BundleForm.Exact(var digest) => throw store.NotHere(name, digest),
            BundleForm.Shipped when known is not null => await store.GetExactlyAsync(
                name,
                known,
                progress,
                ending.Polite
            ),
            BundleForm.Shipped => await store.GetAsync(name, progress, ending.Polite),
            BundleForm.Image(var image) => await images.GetAsync(image, Logins(claim), progress, ending.Polite),
            BundleForm.Archive archive => await images.GetAsync(
                (await checkingOut.WaitAsync(ending.Polite)).TreePath,
                archive,
                progress,
                ending.Polite
            ),
            BundleForm.Own own => await recipes.GetAsync(
                (await checkingOut.WaitAsync(ending.Polite)).TreePath,
                own,
                progress,
                ending.Polite
            ),
            _ => throw new InvalidOperationException($"bundle: {name}"),
        };
        return known is null
            ? await DecideAsync(name, null, mine, claim, reporter, progress, ending)
            : await store.SameAsync(mine, known, "run the build again");
    }

    /// <summary>The bundle of a job's service, one digest for its whole build, too.</summary>
    /// <exception cref="BundleException">It cannot be had; the message says what mends it.</exception>
    internal async ValueTask<BundleLease> GetServiceAsync(
        string recipe,
        JobClaim claim,
        IJobReporter reporter,
        IProgress<BundleProgress> progress,
        Ending ending
    )
    {
        if (claim.ServiceBundles.TryGetValue(recipe, out var known))
            return await store.GetExactlyAsync(recipe, known, progress, ending.Polite);
        var mine = await store.GetAsync(recipe, progress, ending.Polite);
        return await DecideAsync(recipe, recipe, mine, claim, reporter, progress, ending);
    }

    private static RegistryLogins Logins(JobClaim claim) =>
        new(claim.Secrets.GetValueOrDefault(RegistryLogins.Variable));

    private async ValueTask<BundleLease> DecideAsync(
        string name,
        string? service,
        BundleLease mine,
        JobClaim claim,
        IJobReporter reporter,
        IProgress<BundleProgress> progress,
        Ending ending
    )
    {
        BundleLease? others;
        BundleDigest? decided;
        try
        {
            decided = await reporter.DecideBundleAsync(claim.Lease, service, mine.Bundle.Digest, ending.Polite);
            if (decided == mine.Bundle.Digest)
                return mine;
            if (decided is null)
                ending.Obey(JobWish.Fenced);
            ending.Polite.ThrowIfCancellationRequested();
            others = await store.FindExactlyAsync(name, decided!, progress, ending.Polite);
        }
        catch
        {
            await mine.DisposeAsync();
            throw;
        }
        if (others is null)
            return await store.SameAsync(mine, decided!, Remedy(name));
        await mine.DisposeAsync();
        return others;
    }

    private static string Remedy(string name) => $"build it where the server is (sudo testgrid bundle build {name})";
}
