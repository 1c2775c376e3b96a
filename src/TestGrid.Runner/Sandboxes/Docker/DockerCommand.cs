using TestGrid.Runner.Sandboxes.Native;

namespace TestGrid.Runner.Sandboxes.Docker;

/// <summary>The words that run a command in a container, as the native engine runs it.</summary>
internal static class DockerCommand
{
    /// <summary>Asks every process to end but the first one and the asker; 0 when there was one to ask.</summary>
    public static string[] Ask(SandboxCommand command) =>
        ["/bin/sh", "-c", $"kill -{(command.Keyboard is null ? "TERM" : "HUP")} -1 2>/dev/null"];

    // Around every command stands this shell, as root with the keeper's right, so that the job can neither end it nor
    // look into it. It says how the command ended as shells do, and then ends whatever the command left behind: a
    // process that holds the output would hold us up. A polite signal passes it by. Both streams are one: the daemon
    // carries two side by side and loses their order. The job goes before the keeper when memory is short.
    // The streams are root's; the job may open them by name, and root may anyway. Open files: as the native engine has it, or what the daemon has.
    private const string Around = """
        asked=
        trap asked=1 HUP INT QUIT TERM
        chmod a+rw /dev/stdin /dev/stdout
        exec 3>&1 2>/dev/null
        echo 500 >/proc/self/oom_score_adj
        ulimit -S -n 65536
        [ -z "$asked" ] || exit 143
        (exec "$@" 2>&3 3>&-)
        code=$?
        kill -KILL -1
        exit "$code"
        """;

    // What Docker adds to the environment of its own.
    private static readonly string[] Added = ["HOME", "HOSTNAME", "OLDPWD", "PATH", "PWD", "TERM"];

    public static string[] Words(SandboxCommand command, BundleTree.BundleUser user)
    {
        var begin = command.Tty ? $"stty cols {command.Size.Columns} rows {command.Size.Rows}\n" : "";
        return
        [
            "/bin/sh",
            "-c",
            begin + Around,
            "sh",
            "/usr/bin/setpriv",
            "--bounding-set",
            "-" + DockerPlan.KeepersRight.ToLowerInvariant(),
            "--inh-caps",
            "-all",
            "--reuid",
            $"{user.Uid}",
            "--regid",
            $"{user.Gid}",
            .. user.Groups.Count > 0 ? (string[])["--groups", string.Join(',', user.Groups)] : ["--clear-groups"],
            "--",
            "/usr/bin/env",
            .. Added.Where(name => !command.Env.ContainsKey(name)).SelectMany(name => (string[])["-u", name]),
            .. command.Argv,
        ];
    }
}
