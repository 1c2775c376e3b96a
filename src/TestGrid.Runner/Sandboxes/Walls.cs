using System.Reflection;
using System.Text.Json.Nodes;
using TestGrid.Core.Jobs;

namespace TestGrid.Runner.Sandboxes;

/// <summary>What both engines hold a job by, each in its runtime's words.</summary>
internal static class Walls
{
    /// <summary>
    /// What <c>sudo</c> gains inside, never more: Docker's set without those that reach outside a user namespace's files
    /// (MKNOD, AUDIT_WRITE) or the network (NET_RAW). Without their CAP_.
    /// </summary>
    public static IReadOnlyList<string> Rights { get; } =
    [
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];

    /// <summary>Paths that tell of the host, and are empty inside.</summary>
    public static IReadOnlyList<string> Masked { get; } =
    [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ];

    /// <summary>Paths that steer the host, and are not writable inside.</summary>
    public static IReadOnlyList<string> ReadOnly { get; } =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/sys", "/proc/sysrq-trigger"];

    /// <summary>The size of <c>/dev/shm</c>, which is a part of the job's memory.</summary>
    public static long SharedMemoryBytes(JobLimits limits) => Math.Max(64 << 20, limits.MemoryBytes / 4);

    /// <summary>The system calls that are allowed, without a word on architectures: that is said differently.</summary>
    public static JsonObject Seccomp()
    {
        using var stream =
            Assembly.GetExecutingAssembly().GetManifestResourceStream("TestGrid.Runner.Sandboxes.Native.seccomp.json")
            ?? throw new InvalidOperationException("seccomp.json is not in the assembly.");
        return JsonNode.Parse(stream)!.AsObject();
    }
}
