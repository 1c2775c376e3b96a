using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>Writes the OCI runtime's <c>config.json</c> for one command.</summary>
internal static class OciConfig
{
    // PID 1 of the container is this shell, so that the command is not: for PID 1 the kernel drops the signals that it
    // has no handler for, and `kill -9 $$` would end in exit code 0. It also reaps orphans. What it would say of a
    // killed command («Terminated») goes nowhere: the log is the command's own. Both streams are one file here already:
    // runc carries two through itself and loses their order. `unset` takes back what the shell and the runtime add to
    // the environment.
    private const string Init = "exec 3>&1 2>/dev/null; (exec \"$@\" 2>&3 3>&-); exit $?";

    private static readonly string[] Capabilities = [.. Walls.Rights.Select(right => "CAP_" + right)];

    private static readonly byte[] Seccomp = ReadSeccomp();

    /// <param name="plan">The container.</param>
    /// <param name="terminals">The runtime makes terminals; else <c>script</c> inside does.</param>
    public static byte[] For(ContainerPlan plan, bool terminals)
    {
        var buffer = new MemoryStream(16384);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("ociVersion", "1.0.2");
            json.WriteString("hostname", plan.HostName);
            json.WriteStartObject("root");
            json.WriteString("path", plan.Root);
            json.WriteEndObject();
            WriteProcess(json, plan, terminals);
            WriteMounts(json, plan.SharedMemoryBytes);
            json.WriteStartObject("linux");
            // Network, IPC, user and control group namespaces are the pod's.
            json.WriteStartArray("namespaces");
            foreach (var type in (ReadOnlySpan<string>)["pid", "mount", "uts"])
            {
                json.WriteStartObject();
                json.WriteString("type", type);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            WriteStrings(json, "maskedPaths", Walls.Masked);
            WriteStrings(json, "readonlyPaths", Walls.ReadOnly);
            json.WritePropertyName("seccomp");
            json.WriteRawValue(Seccomp, skipInputValidation: true);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void WriteProcess(Utf8JsonWriter json, ContainerPlan plan, bool terminals)
    {
        var (command, user, processes) = (plan.Command, plan.User, plan.Processes);
        json.WriteStartObject("process");
        json.WriteBoolean("terminal", command.Tty && terminals);
        if (command.Tty && terminals)
        {
            json.WriteStartObject("consoleSize");
            json.WriteNumber("width", command.Size.Columns);
            json.WriteNumber("height", command.Size.Rows);
            json.WriteEndObject();
        }
        json.WriteStartObject("user");
        json.WriteNumber("uid", user.Uid);
        json.WriteNumber("gid", user.Gid);
        json.WriteNumber("umask", 18); // 022
        json.WriteStartArray("additionalGids");
        foreach (var group in user.Groups)
            json.WriteNumberValue(group);
        json.WriteEndArray();
        json.WriteEndObject();

        var unset = string.Concat(
            ((ReadOnlySpan<string>)["PWD", "OLDPWD", "HOME"])
                .ToArray()
                .Where(name => !command.Env.ContainsKey(name))
                .Select(name => $"unset {name}; ")
        );
        ImmutableArray<string> argv = command.Tty && !terminals ? InScript(command, unset) : command.Argv;
        WriteStrings(json, "args", ["/bin/sh", "-c", unset + Init, "sh", .. argv]);
        WriteStrings(json, "env", command.Env.Select(pair => $"{pair.Key}={pair.Value}"));
        json.WriteString("cwd", command.Folder);
        json.WriteBoolean("noNewPrivileges", false); // else no sudo; it only ever gains the pod's own root
        json.WriteNumber("oomScoreAdj", 500); // the job goes before the pod's first process and the runner
        json.WriteStartObject("capabilities");
        WriteStrings(json, "bounding", Capabilities);
        var own = user.Uid == 0 ? Capabilities : [];
        WriteStrings(json, "effective", own);
        WriteStrings(json, "permitted", own);
        json.WriteEndObject();
        json.WriteStartArray("rlimits");
        WriteLimit(json, "RLIMIT_NOFILE", OpenFiles.Soft, OpenFiles.Hard);
        WriteLimit(json, "RLIMIT_CORE", 0, 0);
        if (processes > 0)
            WriteLimit(json, "RLIMIT_NPROC", processes, processes);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // -e: its exit code is the command's; -f: what is written is to be seen at once. The words go through a shell.
    private static ImmutableArray<string> InScript(SandboxCommand command, string unset)
    {
        var ((columns, rows), argv) = (command.Size, command.Argv);
        var words = string.Join(' ', argv.Select(word => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        return ["script", "-qefc", $"stty cols {columns} rows {rows}; {unset}exec {words}", "/dev/null"];
    }

    private static void WriteMounts(Utf8JsonWriter json, long sharedMemoryBytes)
    {
        json.WriteStartArray("mounts");
        WriteMount(json, "/proc", "proc", ["nosuid", "noexec", "nodev"]);
        WriteMount(json, "/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=64k"]);
        WriteMount(
            json,
            "/dev/pts",
            "devpts",
            ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        );
        WriteMount(json, "/dev/shm", "tmpfs", ["nosuid", "nodev", "mode=1777", $"size={sharedMemoryBytes}"]);
        WriteMount(json, "/dev/mqueue", "mqueue", ["nosuid", "noexec", "nodev"]);
        WriteMount(json, "/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]);
        json.WriteEndArray();
    }

    private static void WriteMount(Utf8JsonWriter json, string target, string type, string[] options)
    {
        json.WriteStartObject();
        json.WriteString("destination", target);
        json.WriteString("type", type);
        json.WriteString("source", type);
        WriteStrings(json, "options", options);
        json.WriteEndObject();
    }

    private static void WriteLimit(Utf8JsonWriter json, string type, long soft, long hard)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteNumber("soft", soft);
        json.WriteNumber("hard", hard);
        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static byte[] ReadSeccomp()
    {
        var profile = Walls.Seccomp();
        // With the 32-bit sibling: C projects test with -m32. An architecture not named here cannot make any call.
        profile["architectures"] =
            RuntimeInformation.ProcessArchitecture is Architecture.Arm64
                ? new JsonArray("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")
                : new JsonArray("SCMP_ARCH_X86_64", "SCMP_ARCH_X86");
        return JsonSerializer.SerializeToUtf8Bytes(profile);
    }
}
