using System.Globalization;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>
/// Where this runner makes its control groups, found once at start: version 2 below the runner's own group (delegated
/// by systemd, or as root), version 1 below the runner's own group of each hierarchy, or nowhere.
/// </summary>
internal sealed class ControlGroups
{
    // The pod's own processes: its first one, the runtime, its helpers, the network program.
    private const int PodProcesses = 24;

    /// <summary>What gives a runner the right to make groups.</summary>
    public const string Remedy = "in the runner's unit: Delegate=memory pids cpu, or run it as root";

    private const string Root = "/sys/fs/cgroup";
    private static readonly string[] Wanted = ["memory", "pids", "cpu"];

    // Version 2 counts processor time with its limit; version 1 in a hierarchy of its own, without which nothing is weaker.
    private const string Counting = "cpuacct";

    private readonly Dictionary<string, string> parents; // controller → folder; for version 2 all are the same folder
    private readonly bool unified;

    private ControlGroups(Dictionary<string, string> parents, bool unified, string? problem)
    {
        this.parents = parents;
        this.unified = unified;
        Problem = problem;
    }

    /// <summary>Why there are no limits, or which are missing; null when all is well.</summary>
    public string? Problem { get; }

    public bool Any => parents.Count > 0;

    /// <summary>A job's memory has a limit here.</summary>
    public bool LimitsMemory => parents.ContainsKey("memory");

    public bool Unified => unified;

    public string Version => unified ? "v2" : "v1";

    public IEnumerable<string> Controllers => parents.Keys;

    /// <summary>Version 1 and 2 side by side: crun 1.8 refuses to run where it sees that.</summary>
    public static bool HostIsHybrid { get; } = File.Exists($"{Root}/unified/cgroup.controllers");

    public static ControlGroups Find() => Find(Root, "/proc/self/cgroup");

    /// <param name="root">Where control groups are mounted.</param>
    /// <param name="own">The file that says where this process is.</param>
    public static ControlGroups Find(string root, string own)
    {
        try
        {
            var lines = File.ReadAllLines(own).Select(line => line.Split(':', 3)).Where(parts => parts.Length == 3);
            return File.Exists($"{root}/cgroup.controllers")
                ? FindUnified(root, lines.First(parts => parts[0] == "0")[2])
                : FindSplit(root, lines);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            return new ControlGroups([], false, e.Message);
        }
    }

    /// <summary>Makes a group, without limits yet.</summary>
    /// <param name="name">Its pod's.</param>
    /// <param name="noted">Called with the folders before they are made, so that a crash leaves none unknown.</param>
    /// <exception cref="SandboxException">The kernel refused.</exception>
    public ControlGroup Make(string name, Action<IReadOnlyList<string>> noted)
    {
        if (!Any)
            return ControlGroup.None;
        var folders = parents.Values.Distinct().Select(parent => Path.Combine(parent, $"testgrid-{name}")).ToList();
        noted(folders);
        try
        {
            foreach (var folder in folders)
                Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ControlGroup.TryRemove(folders);
            throw new SandboxException($"The kernel refused control group testgrid-{name}: {e.Message}", e);
        }
        return new ControlGroup(folders, OomFile(name));
    }

    /// <summary>Sets the limits of a group made under this name.</summary>
    /// <exception cref="SandboxException">The kernel refused one.</exception>
    public void Limit(string name, JobLimits limits)
    {
        try
        {
            SetLimits(name, limits);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SandboxException($"The kernel refused a limit of {name}: {e.Message}", e);
        }
    }

    private string? OomFile(string name) =>
        parents.TryGetValue("memory", out var parent)
            ? Path.Combine(parent, $"testgrid-{name}", unified ? "memory.events" : "memory.oom_control")
            : null;

    private void SetLimits(string name, JobLimits limits)
    {
        var memory = limits.MemoryBytes.ToString(CultureInfo.InvariantCulture);
        var processes = (limits.Processes + PodProcesses).ToString(CultureInfo.InvariantCulture);
        var time = ((long)(limits.Cpus * 100_000)).ToString(CultureInfo.InvariantCulture);
        if (limits.MemoryBytes > 0 && unified)
        {
            Write("memory", name, "memory.max", memory);
            Write("memory", name, "memory.swap.max", "0", optional: true); // not there without swap accounting
            Write("memory", name, "memory.oom.group", "1", optional: true);
        }
        else if (limits.MemoryBytes > 0)
        {
            Write("memory", name, "memory.limit_in_bytes", memory);
            Write("memory", name, "memory.memsw.limit_in_bytes", memory, optional: true);
        }
        if (limits.Processes > 0)
            Write("pids", name, "pids.max", processes);
        if (limits.Cpus > 0)
            Write("cpu", name, unified ? "cpu.max" : "cpu.cfs_quota_us", unified ? $"{time} 100000" : time);
    }

    private void Write(string controller, string name, string file, string value, bool optional = false)
    {
        if (!parents.TryGetValue(controller, out var parent))
            return;
        var path = Path.Combine(parent, $"testgrid-{name}", file);
        if (!optional || File.Exists(path))
            File.WriteAllText(path, value);
    }

    private static ControlGroups FindSplit(string root, IEnumerable<string[]> lines)
    {
        var parents = new Dictionary<string, string>();
        var missing = new List<string>();
        foreach (var controller in Wanted.Append(Counting))
        {
            var line = lines.FirstOrDefault(parts => parts[1].Split(',').Contains(controller));
            var parent = line is null ? null : FolderOf(root, line);
            if (parent is not null && MayMakeIn(parent) && (controller != Counting || parents.Count > 0))
                parents[controller] = parent;
            else if (controller != Counting)
                missing.Add(controller);
        }
        var problem = missing.Count == 0 ? null : $"no right to make groups for {string.Join(", ", missing)}";
        return new ControlGroups(parents, false, problem);
    }

    // A hierarchy is mounted under its controllers' names joined, in whichever order the mounter liked.
    private static string? FolderOf(string root, string[] line) =>
        line[1]
            .Split(',')
            .Append(line[1])
            .Select(name => Path.Join(root, name, line[2]))
            .FirstOrDefault(Directory.Exists);

    private static ControlGroups FindUnified(string root, string own)
    {
        var folder = Path.Join(root, own).TrimEnd('/');
        if (!MayMakeIn(folder))
            return new ControlGroups([], true, $"{folder} is not ours: the unit needs Delegate=memory pids cpu");
        if (own != "/")
            MoveProcessesToLeaf(folder);

        // Each for itself: one that is not delegated must not take the others with it.
        foreach (var controller in Wanted)
        {
            try
            {
                File.WriteAllText($"{folder}/cgroup.subtree_control", $"+{controller}");
            }
            catch (IOException) { }
        }
        var enabled = File.ReadAllText($"{folder}/cgroup.subtree_control").Split((char[])[' ', '\n']);
        var parents = Wanted.Where(enabled.Contains).ToDictionary(name => name, _ => folder);
        var missing = Wanted.Except(parents.Keys).ToList();
        var problem = missing.Count == 0 ? null : $"{folder} has no {string.Join(", ", missing)}";
        return new ControlGroups(parents, true, problem);
    }

    // A group of version 2 that gives controllers to its children may hold no processes itself.
    private static void MoveProcessesToLeaf(string folder)
    {
        var leaf = Directory.CreateDirectory($"{folder}/supervisor").FullName;
        foreach (var process in File.ReadLines($"{folder}/cgroup.procs").Where(line => line.Length > 0).ToList())
        {
            try
            {
                File.WriteAllText($"{leaf}/cgroup.procs", process);
            }
            catch (IOException) { } // it ended meanwhile
        }
    }

    private static bool MayMakeIn(string folder)
    {
        var probe = Path.Combine(folder, $"testgrid-probe-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(probe);
            Directory.Delete(probe);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
