namespace TestGrid.Runner.Bundles;

/// <summary>
/// What the packages' own scripts see while they are installed: a root of its own with the programs of this machine's
/// <c>/usr</c>, what the build was given, read-only, and the tree. No other file of the machine, none of its processes, no
/// network, another host name; and root there is nobody here, not even whoever started the build. It ends with the build.
/// </summary>
internal static class BuildRoom
{
    /// <summary>Where the tree is inside.</summary>
    public const string Tree = "/build/root";

    /// <summary>Where what the build was given is inside.</summary>
    public const string Given = "/build/given";

    // The old root goes before anything of a package runs: chroot alone is no wall for root, and a process of this
    // namespace that still stood outside would be a door (/proc/1/root). There is no /sys: the kernel gives a new one
    // only where another is to be seen. apt gives some folders to the _apt that it finds out here: that of Debian's
    // base-passwd, and not this machine's, of which the tree must not hear. What is under /usr is bound with all that is
    // mounted in it, for else the kernel refuses.
    private const string Enter = """
        set -e
        umask 022
        room=$1 tree=$2 given=$3
        shift 3
        mount -t tmpfs -o mode=755,size=1g,nosuid,nodev tmpfs "$room"
        cd "$room"
        mkdir -p usr etc proc dev/pts dev/shm run tmp build/root build/given before
        chmod 1777 tmp dev/shm
        for folder in bin sbin lib lib32 lib64 libx32 libexec share; do
            if [ -d "/usr/$folder" ] && [ ! -L "/usr/$folder" ]; then
                mkdir "usr/$folder"
                mount --rbind "/usr/$folder" "usr/$folder"
            fi
            if [ -L "/$folder" ]; then cp -P "/$folder" "$folder"
            elif [ -d "/$folder" ]; then mkdir "$folder"; mount --rbind "/$folder" "$folder"
            fi
        done
        echo root:x:0:0:root:/root:/bin/sh >etc/passwd
        echo _apt:x:42:65534::/nonexistent:/usr/sbin/nologin >>etc/passwd
        echo root:x:0: >etc/group
        mount -t proc -o nosuid,nodev,noexec proc proc
        for device in null zero full random urandom tty; do
            : >"dev/$device"
            mount --bind "/dev/$device" "dev/$device"
        done
        ln -s /proc/self/fd dev/fd
        ln -s fd/0 dev/stdin
        ln -s fd/1 dev/stdout
        ln -s fd/2 dev/stderr
        mount --bind "$tree" build/root
        mount -o remount,bind,nosuid,nodev build/root
        mount --bind "$given" build/given
        mount -o remount,bind,ro,nosuid,nodev,noexec build/given
        hostname build
        pivot_root . before
        umount -l /before
        rmdir /before
        cd /
        exec "$@"
        """;

    /// <summary>Starts a program in it, as root of the range.</summary>
    /// <param name="range">Whose root it is.</param>
    /// <param name="at">
    /// Folders of this machine, all of which the range's root can reach: an empty one to make it on, the tree, what is given.
    /// </param>
    /// <param name="program">Program and arguments, as they are inside.</param>
    /// <param name="env">Its whole environment.</param>
    /// <param name="heard">Gets each line of its standard error.</param>
    /// <param name="stop">Ends the starting.</param>
    /// <param name="elsewhere">Made in <see cref="Surroundings.Others"/>.</param>
    public static Task<LifelineProcess> StartAsync(
        IdRange range,
        (string Room, string Tree, string Given) at,
        IEnumerable<string> program,
        IReadOnlyDictionary<string, string> env,
        Action<string> heard,
        CancellationToken stop,
        bool elsewhere = false
    )
    {
        Directory.CreateDirectory(at.Room);
        string[] enter = ["sh", "-c", Enter, "room", at.Room, at.Tree, at.Given];
        return LifelineProcess.StartAsync(
            range,
            program,
            env,
            heard,
            stop,
            elsewhere ? [.. Surroundings.Others, .. enter] : enter
        );
    }
}
