using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Nodes;

namespace TestGrid.Runner.Facts;

/// <summary>What no root filesystem holds: the kernel, the processor, the limits, and which variables there are, by name.</summary>
internal static class HostFacts
{
    private static readonly string[] Sysctls =
    [
        "fs/file-max",
        "fs/inotify/max_user_instances",
        "fs/inotify/max_user_watches",
        "fs/protected_hardlinks",
        "kernel/pid_max",
        "kernel/randomize_va_space",
        "kernel/shmmax",
        "kernel/threads-max",
        "kernel/unprivileged_userns_clone",
        "net/core/somaxconn",
        "net/ipv4/ip_local_port_range",
        "net/ipv4/ip_unprivileged_port_start",
        "net/ipv6/conf/all/disable_ipv6",
        "user/max_user_namespaces",
        "vm/max_map_count",
        "vm/overcommit_memory",
        "vm/swappiness",
    ];

    private static readonly string[] Places = ["/", "/dev/shm", "/home", "/tmp", "/var", "/var/tmp"];

    /// <summary>Adds them.</summary>
    public static void Read(JsonObject to)
    {
        to["host"] = new JsonObject
        {
            ["kernel"] = Text("/proc/sys/kernel/osrelease"),
            ["processors"] = Environment.ProcessorCount,
            ["cpuLevel"] = CpuLevel(),
            ["memoryBytes"] = MemoryBytes(),
            ["controlGroups"] =
                File.Exists("/sys/fs/cgroup/cgroup.controllers") ? "v2"
                : Directory.Exists("/sys/fs/cgroup") ? "v1"
                : null,
            ["limits"] = Limits(),
            ["sysctl"] = RootFacts.Object(
                Sysctls
                    .Select(name => (name.Replace('/', '.'), Text("/proc/sys/" + name)))
                    .Where(one => one.Item2.Length > 0)
            ),
            ["mounts"] = Mounts(),
            ["umask"] = Field("/proc/self/status", "Umask:"),
            ["user"] = new JsonObject { ["id"] = Number(Field("/proc/self/status", "Uid:")) },
            ["environment"] = Names(),
        };
    }

    /// <summary>The names of this process's variables, in order; never a value.</summary>
    private static JsonArray Names() =>
        [
            .. Environment
                .GetEnvironmentVariables()
                .Keys.Cast<string>()
                .Order(StringComparer.Ordinal)
                .Select(name => JsonValue.Create(name)),
        ];

    // x86-64 psABI, «Microarchitecture levels».
    private static string? CpuLevel()
    {
        if (RuntimeInformation.ProcessArchitecture is not Architecture.X64)
            return null;
        var second = Sse42.X64.IsSupported && Popcnt.X64.IsSupported && Ssse3.IsSupported;
        var third =
            second && Avx2.IsSupported && Bmi1.IsSupported && Bmi2.IsSupported && Fma.IsSupported && Lzcnt.IsSupported;
        var fourth =
            third && Avx512F.IsSupported && Avx512BW.IsSupported && Avx512CD.IsSupported && Avx512DQ.IsSupported;
        return fourth ? "x86-64-v4"
            : third ? "x86-64-v3"
            : second ? "x86-64-v2"
            : "x86-64-v1";
    }

    private static long? MemoryBytes() =>
        Number(Field("/proc/meminfo", "MemTotal:")) is { } kilobytes ? kilobytes << 10 : null;

    // «Max open files            1024                 4096                 files»: the soft one and the hard one.
    private static JsonObject Limits() =>
        RootFacts.Object(
            Lines("/proc/self/limits")
                .Skip(1)
                .Where(line => line.Length > 66)
                .Select(line => (line[..26].Trim(), $"{line[26..47].Trim()} {line[47..].Split(' ')[0]}"))
        );

    private static JsonObject Mounts()
    {
        var made = new JsonObject();
        var mounts = Lines("/proc/self/mounts")
            .Select(line => line.Split(' '))
            .Where(parts => parts.Length > 3)
            .ToArray();
        foreach (var place in Places)
        {
            if (Array.FindLast(mounts, parts => parts[1] == place) is not { } found)
                continue;
            var options = found[3].Split(',').Where(option => option is "ro" or "noexec" or "nosuid" or "nodev");
            made[place] = string.Join(' ', options.Prepend(found[2]));
        }
        return made;
    }

    private static string? Field(string path, string name) =>
        Lines(path)
            .FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?[name.Length..].Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault();

    private static long? Number(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string Text(string path) => string.Join(' ', Lines(path)).Replace('\t', ' ').Trim();

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // this kernel has no such thing
        }
    }
}
