namespace TestGrid.Runner.Bundles;

/// <summary>
/// A bundle's tree as a tar, with owners as seen inside. Both ways run as root of the sandboxes' range and not as us.
/// An archive may come from anybody: it is unpacked by a process that sees this machine's <c>/usr</c>, the archive, and
/// the folder it fills, and nothing else. It cannot make a device, and whatever name or link leads out leads nowhere.
/// </summary>
internal static class BundleArchive
{
    private static readonly Dictionary<string, string> Env = new()
    {
        ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ["LC_ALL"] = "C",
        ["TZ"] = "UTC",
    };

    private static readonly string[] Keep = ["--numeric-owner", "--xattrs", "--xattrs-include=security.capability"];

    private const string Unpack = """
        set -e
        umask 022
        jail=$1 archive=$2 root=$3
        shift 3
        mount -t tmpfs -o mode=755,size=1m tmpfs "$jail"
        mkdir "$jail/usr" "$jail/into"
        mount --rbind /usr "$jail/usr"
        for folder in bin sbin lib lib32 lib64; do
            if [ -L "/$folder" ]; then cp -P "/$folder" "$jail/$folder"
            elif [ -d "/$folder" ]; then mkdir "$jail/$folder"; mount --rbind "/$folder" "$jail/$folder"
            fi
        done
        : >"$jail/archive"
        mount --bind "$archive" "$jail/archive"
        mount --bind "$root" "$jail/into"
        cd /
        exec chroot "$jail" tar --extract --file=/archive --directory=/into "$@"
        """;

    /// <summary>Writes the tree; what engines make themselves (<c>dev</c>, <c>proc</c>, …) without what is in it.</summary>
    public static async Task PackAsync(IdRange range, string root, Stream output, CancellationToken stop)
    {
        string[] without = ["./dev/*", "./proc/*", "./sys/*", "./run/*", "./tmp/*"];
        string[] command =
        [
            "tar",
            "--create",
            "--format=posix",
            "--pax-option=delete=atime,delete=ctime",
            "--sort=name",
            .. Keep,
            "--anchored",
            .. without.Select(path => $"--exclude={path}"),
            $"--directory={root}",
            ".",
        ];
        await RunAsync(range, command, output, $"{root} could not be packed", stop);
    }

    /// <summary>Runs a tar of these words, which writes an archive of a tree.</summary>
    public static Task PackAsync(IdRange range, IEnumerable<string> words, Stream output, CancellationToken stop) =>
        RunAsync(range, [.. words], output, "A tree could not be packed", stop);

    /// <param name="archive">A tar that others may read.</param>
    /// <param name="root">An empty folder that the range's root owns.</param>
    /// <param name="jail">A folder to make the jail on; it is empty again afterwards.</param>
    /// <param name="attributes">Further extended attributes that are kept.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="BundleException">It is no tar, or one that no bundle is made of; nothing outside was changed.</exception>
    public static Task UnpackAsync(
        IdRange range,
        string archive,
        string root,
        string jail,
        CancellationToken stop,
        params ReadOnlySpan<string> attributes
    )
    {
        string[] command =
        [
            "sh",
            "-c",
            Unpack,
            "unpack",
            jail,
            archive,
            root,
            .. Keep,
            .. attributes.ToArray().Select(name => $"--xattrs-include={name}"),
            "--same-owner",
            "--preserve-permissions",
            "--delay-directory-restore",
            "--keep-old-files", // a name twice is no mistake of tar's
        ];
        return RunAsync(range, command, Stream.Null, "The bundle's archive is refused", stop);
    }

    private static async Task RunAsync(
        IdRange range,
        string[] command,
        Stream output,
        string otherwise,
        CancellationToken stop
    )
    {
        var said = new Queue<string>();
        await using var tar = await LifelineProcess.StartAsync(range, command, Env, Hear, stop);
        await tar.Output.CopyToAsync(output, stop);
        var code = await tar.WaitAsync(stop);
        if (code != 0)
            throw new BundleException($"{otherwise} (tar ended with {code}): {string.Join("; ", said)}");

        void Hear(string line)
        {
            said.Enqueue(line.Length <= 300 ? line : line[..300]);
            if (said.Count > 5)
                said.Dequeue();
        }
    }
}
