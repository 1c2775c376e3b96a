using System.Collections.Immutable;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>Finds out what this machine gives the native engine, by asking it and by really starting pods.</summary>
/// <param name="engine">The engine to try.</param>
/// <param name="options">Its settings.</param>
public sealed class NativeSandboxFacts(NativeSandboxEngine engine, SandboxOptions options)
{
    private static readonly string[] Grantings = ["/etc/subuid", "/etc/subgid"];

    /// <summary>What jobs shall reach: what only a network needs is needed only with one.</summary>
    public SandboxNetwork Network { get; init; } = SandboxNetwork.Egress;

    /// <summary>One fact after the other, the cheap ones first.</summary>
    /// <param name="rootPath">A bundle's tree, to run a command in; null leaves that out.</param>
    /// <param name="stop">Ends it.</param>
    public async IAsyncEnumerable<SandboxFact> ExamineAsync(
        string? rootPath,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        yield return FindLauncher();
        if (options.Runtime is not ("" or OwnLauncher.Setting))
            yield return await FindRuntimeAsync(stop);
        yield return FindPrograms("programs for a network", Network is SandboxNetwork.Egress, "slirp4netns", "nft");
        yield return FindUserNamespaces();
        yield return FindIds();
        yield return FindControlGroups();
        yield return FindTunnel();
        var bare = await TryPodAsync("a pod without a network", needed: true, SandboxNetwork.None, stop);
        yield return bare;
        if (!bare.Ok)
            yield break;
        yield return await TryPodAsync(
            "a pod with a filtered network",
            Network is SandboxNetwork.Egress,
            SandboxNetwork.Egress,
            stop
        );
        if (rootPath is not null)
            yield return await TryCommandAsync(rootPath, stop);
    }

    private static SandboxFact FindPrograms(string what, bool needed, params ReadOnlySpan<string> programs)
    {
        var missing = new List<string>();
        foreach (var program in programs)
        {
            if (ChildProgram.Search(program) is null)
                missing.Add(program);
        }
        var remedy =
            missing.Count == 0 ? null : $"apt-get install {string.Join(' ', missing.Select(ChildProgram.PackageOf))}";
        var detail = missing.Count == 0 ? string.Join(", ", programs!) : $"missing: {string.Join(", ", missing)}";
        return new SandboxFact(what, missing.Count == 0, needed, detail, remedy);
    }

    private async Task<SandboxFact> FindRuntimeAsync(CancellationToken stop)
    {
        const string What = "an OCI runtime";
        try
        {
            var (exit, said) = await ChildProgram.RunAsync(
                [ContainerRuntime.Find(options.Runtime).FullPath, "--version"],
                stop
            );
            return new SandboxFact(What, exit == 0, Needed: true, said.Split('\n')[0]);
        }
        catch (SandboxException e)
        {
            return new SandboxFact(What, false, Needed: true, e.Message, "apt-get install crun");
        }
    }

    private static SandboxFact FindLauncher()
    {
        const string What = "the launcher";
        try
        {
            return new SandboxFact(What, true, Needed: true, OwnLauncher.Find().FullPath);
        }
        catch (SandboxException e)
        {
            return new SandboxFact(What, false, Needed: true, e.Message, "apt-get install gcc libc6-dev");
        }
    }

    private static SandboxFact FindUserNamespaces()
    {
        const string What = "user namespaces";
        var most = Read("/proc/sys/user/max_user_namespaces");
        if (most == "0")
            return new SandboxFact(
                What,
                false,
                true,
                "the kernel allows none",
                "sysctl user.max_user_namespaces=10000"
            );
        var closed =
            Posix.UserId != 0
            && (
                Read("/proc/sys/kernel/unprivileged_userns_clone") == "0"
                || Read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
            );
        return closed
            ? new SandboxFact(What, false, true, "only root may make them", "run the runner as a root service")
            : new SandboxFact(What, true, true, most is null ? "there" : $"up to {most}");
    }

    private SandboxFact FindIds()
    {
        var (first, count) = (options.FirstId, SandboxOptions.IdCount);
        var what = $"ids {first} to {first + count - 1}";
        if (Posix.UserId == 0)
            return new SandboxFact(what, true, true, "root maps them itself");
        var user = Environment.UserName;
        var missing = Grantings.Where(file => !Grants(file, user, first, count)).ToList();
        var tools = ChildProgram.Search("newuidmap") is not null;
        if (tools && missing.Count == 0)
            return new SandboxFact(what, true, true, $"granted to {user}");
        var remedy = tools
            ? $"usermod --add-subuids {first}-{first + count - 1} --add-subgids {first}-{first + count - 1} {user}"
            : "apt-get install uidmap";
        return new SandboxFact(
            what,
            false,
            true,
            tools ? $"not in {string.Join(", ", missing)}" : "no newuidmap",
            remedy
        );
    }

    private static bool Grants(string file, string user, long first, long count) =>
        File.Exists(file)
        && File.ReadLines(file)
            .Select(line => line.Split(':'))
            .Any(parts =>
                parts.Length == 3
                && (parts[0] == user || parts[0] == $"{Posix.UserId}")
                && long.TryParse(parts[1], out var start)
                && long.TryParse(parts[2], out var length)
                && start <= first
                && start + length >= first + count
            );

    private SandboxFact FindControlGroups()
    {
        var groups = engine.Groups;
        var detail = groups.Any
            ? $"{groups.Version}: {string.Join(", ", groups.Controllers)}"
            : "none: neither memory nor processes of a job can be limited";
        var forks =
            groups.LimitsMemory ? ""
            : options.StrangersUnlimited ? "; jobs of forks run all the same: Sandbox:StrangersUnlimited"
            : "; jobs of forks are refused";
        return new SandboxFact(
            "control groups for limits",
            groups.Problem is null,
            Needed: false,
            groups.Problem is null ? detail : $"{detail}; {groups.Problem}{forks}",
            groups.Problem is null ? null : ControlGroups.Remedy
        );
    }

    private static SandboxFact FindTunnel()
    {
        const string What = "the tunnel device";
        if (!File.Exists("/dev/net/tun"))
            return new SandboxFact(What, Posix.UserId == 0, false, "no /dev/net/tun", "modprobe tun");
        return Egress.TunIsOpen ? new SandboxFact(What, true, false, "open")
            : Posix.UserId == 0 ? new SandboxFact(What, true, false, "closed to others; pods get a node of their own")
            : new SandboxFact(What, false, false, "closed", "chmod 666 /dev/net/tun");
    }

    private async Task<SandboxFact> TryPodAsync(
        string what,
        bool needed,
        SandboxNetwork network,
        CancellationToken stop
    )
    {
        var first = Stopwatch.GetTimestamp();
        try
        {
            var pod = await engine.MakePodAsync(network, stop);
            var took = Stopwatch.GetElapsedTime(first);
            await pod.DisposeAsync();
            return new SandboxFact(
                what,
                true,
                needed,
                $"made in {took.TotalMilliseconds:0} ms, and nothing left of it"
            );
        }
        catch (SandboxException e)
        {
            return new SandboxFact(what, false, needed, e.Message);
        }
    }

    private async Task<SandboxFact> TryCommandAsync(string rootPath, CancellationToken stop)
    {
        const string What = "a command in a sandbox";
        var first = Stopwatch.GetTimestamp();
        try
        {
            var spec = new SandboxSpec("doctor", rootPath, [], JobLimits.Default, SandboxNetwork.None);
            await using var sandbox = await engine.CreateAsync(spec, stop);
            var command = new SandboxCommand(["true"], ImmutableSortedDictionary<string, string>.Empty, "/", "root");
            var exit = await sandbox.RunAsync(command, PipeWriter.Create(Stream.Null), stop);
            var took = Stopwatch.GetElapsedTime(first);
            return new SandboxFact(
                What,
                exit.ExitCode == 0,
                true,
                $"ended in {took.TotalMilliseconds:0} ms with {exit.ExitCode}"
            );
        }
        catch (SandboxException e)
        {
            return new SandboxFact(What, false, true, e.Message);
        }
    }

    private static string? Read(string path) => File.Exists(path) ? File.ReadAllText(path).Trim() : null;
}
