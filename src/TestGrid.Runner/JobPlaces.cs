using System.Collections.Immutable;
using System.Globalization;
using System.IO.Pipelines;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Imports;
using TestGrid.Runner.Endings;
using TestGrid.Runner.Git;
using TestGrid.Runner.Reporting;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Runner.Services;

namespace TestGrid.Runner;

/// <summary>
/// Makes the places that jobs run in: the same for a job of a server, of <c>testgrid run</c>, and for a person's shell.
/// </summary>
public sealed class JobPlaces(
    JobGround ground,
    BundleStore bundles,
    JobBundles jobBundles,
    IWorkspaceSource workspaces,
    ISandboxEngine engine,
    TimeProvider time
)
{
    /// <summary>The sandbox engine's name.</summary>
    public string EngineName => engine.Name;

    /// <summary>Removes what an earlier life of this runner left behind. Call it once, before the first job.</summary>
    public async ValueTask SweepAsync(CancellationToken stop)
    {
        await engine.SweepAsync(stop);
        await bundles.SweepAsync(stop);
        ground.Sweep();
    }

    /// <summary>Unique on this machine while it lives: two runners may have a job of the same number.</summary>
    public string NameOf(JobOrder order, JobClaim claim) =>
        string.Create(CultureInfo.InvariantCulture, $"{ground.RunnerName}-{order.Id}-{claim.Lease.Attempt}");

    /// <summary>Checks out, takes the bundles into use and makes a sandbox of them. Its services are not started yet.</summary>
    /// <param name="script">What is shown at <see cref="JobScript.MountPoint"/>.</param>
    /// <param name="reporter">Asked for the bundle that the job's build has decided on.</param>
    /// <param name="tell">Hears what is waited for.</param>
    public async ValueTask<JobPlace> MakeAsync(
        JobOrder order,
        JobClaim claim,
        string script,
        IJobReporter reporter,
        Func<JobEvent, ValueTask<JobWish>> tell,
        Ending ending
    )
    {
        var name = NameOf(order, claim);
        ground.CheckSpace();

        var (bundle, workspace, services) = await GroundAsync(order, claim, reporter, tell, ending);
        var place = new JobPlace(name, bundle, workspace, services, ground.WriteScript(name, script));
        try
        {
            if (ground.Layers is { } layers)
                place.Layer = await layers.FindAsync(
                    order,
                    claim,
                    workspace.TreePath,
                    bundle.Bundle,
                    engine,
                    ending.Polite
                );
            var spec = new SandboxSpec(
                name,
                bundle.Bundle.RootPath,
                await MountsAsync(order, workspace, place.ScriptPath, bundle.Bundle, ending.Polite),
                order.Limits,
                ground.Network
            )
            {
                Digest = bundle.Bundle.Digest,
                LayerPath = place.Layer?.Path,
                IsStrangers = order.Trigger.PullRequest is { IsFork: true },
                HostName = order.Config.Addons.HostName ?? "testgrid",
                Folders = [JobScript.TemporaryFolder],
                Services = services.Specs,
            };
            place.Sandbox = await engine.CreateAsync(spec, ending.Polite);
            return place;
        }
        catch
        {
            await place.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the place's services, told in lines, and waits until they are ready.</summary>
    /// <exception cref="ServiceException">One ended, or was not ready in time.</exception>
    public async ValueTask StartServicesAsync(JobPlace place, PipeWriter output, CancellationToken stop) =>
        await place.Services.StartAsync(place.Sandbox, output, ground.ServiceTime, time, stop);

    /// <summary>What runs in the sandbox, with its whole environment.</summary>
    /// <param name="bundle">What it runs in. An image of others may have no <c>travis</c>: there it is root, as in a container.</param>
    public static SandboxCommand Command(JobOrder order, JobClaim claim, Bundle bundle)
    {
        var isRoot = bundle.IsUnlocked && !new BundleTree(bundle.RootPath, 0).HasUser("travis");
        var (user, home) = isRoot ? ("root", "/root") : ("travis", "/home/travis");
        // For the runner alone.
        var secrets = claim.Secrets.Remove(RegistryLogins.Variable);
        return new(
            JobScript.Argv,
            ImmutableSortedDictionary<string, string>
                .Empty.Add("HOME", home)
                .Add("USER", user)
                .Add("LOGNAME", user)
                .Add("SHELL", "/bin/bash")
                .Add("LANG", "C.UTF-8")
                .Add("TERM", order.Config.Tty ? "xterm-256color" : "dumb")
                .Add("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
                .SetItems(secrets)
                .SetItem(JobScript.SecretNamesVariable, string.Join(' ', secrets.Keys))
                .SetItem("TESTGRID_ATTEMPT", claim.Lease.Attempt.ToString(CultureInfo.InvariantCulture)),
            "/home/travis",
            user,
            Tty: order.Config.Tty
        );
    }

    /// <summary>What the job stands on. Both may take minutes the first time, and neither needs the other.</summary>
    private async ValueTask<(BundleLease, Workspace, JobServices)> GroundAsync(
        JobOrder order,
        JobClaim claim,
        IJobReporter reporter,
        Func<JobEvent, ValueTask<JobWish>> tell,
        Ending ending
    )
    {
        await using var waiting = new WaitTeller(tell, ending);
        var checkingOut = workspaces.CheckOutAsync(order, claim.Credential, ending.Polite).AsTask();
        BundleLease? bundle = null;
        JobServices? services = null;
        try
        {
            bundle = await jobBundles.GetAsync(order.Config.Bundle, claim, checkingOut, reporter, waiting, ending);
            bundle = await bundles.ShowAsync(bundle, ending.Polite);
            services = await JobServices.LeaseAsync(
                order.Config.Services,
                recipe => jobBundles.GetServiceAsync(recipe, claim, reporter, waiting, ending)
            );
            var fetching = $"repository {order.Repository.Slug} is being fetched";
            return (bundle, await waiting.OverAsync(checkingOut, fetching, time), services);
        }
        catch
        {
            foreach (var lease in (IAsyncDisposable?[])[bundle, services])
                await (lease?.DisposeAsync() ?? ValueTask.CompletedTask);
            await DisposeWhenReadyAsync(checkingOut);
            throw;
        }
    }

    private async ValueTask<ImmutableArray<SandboxMount>> MountsAsync(
        JobOrder order,
        Workspace workspace,
        string script,
        Bundle bundle,
        CancellationToken stop
    )
    {
        var mounts = ImmutableArray.CreateBuilder<SandboxMount>();
        var folder = JobScript.FolderOf(order);
        mounts.Add(new SandboxMount(workspace.TreePath, folder, SandboxMountKind.Overlay));
        if (workspace.ObjectsPath is { } objects)
            mounts.Add(new SandboxMount(objects, Workspace.ObjectsMountPoint, SandboxMountKind.ReadOnly));
        mounts.Add(new SandboxMount(script, JobScript.MountPoint, SandboxMountKind.ReadOnly));
        foreach (var file in await bundles.MachineFilesAsync(bundle, stop))
            mounts.Add(new SandboxMount(file.Source, file.Target, SandboxMountKind.ReadOnly));
        return mounts.ToImmutable();
    }

    private static async ValueTask DisposeWhenReadyAsync(Task<Workspace> checkingOut)
    {
        try
        {
            await using var workspace = await checkingOut;
        }
        catch (Exception)
        {
            // The first failure is the one that is told.
        }
    }
}
