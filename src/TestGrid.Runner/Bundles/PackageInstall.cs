using System.Collections.Immutable;
using System.Globalization;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>Installs a lock's packages into an empty tree and finishes it, in a <see cref="BuildRoom"/>.</summary>
internal static class PackageInstall
{
    /// <summary>The name of the <see cref="FinishScript"/> among what a build is given.</summary>
    public const string Finish = "finish.sh";

    private const string Merged = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";

    private static readonly ImmutableArray<string> Options =
    [
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        "--aptopt=Acquire::Languages \"none\"",
        "--dpkgopt=force-unsafe-io",
    ];

    private const string Build = """
        set -e
        umask 022
        root=$1
        shift
        cd /
        chown 0:0 "$root"
        "$@"
        find "$root/dev" -mindepth 1 -delete
        for file in etc/hosts etc/hostname etc/resolv.conf; do
            [ -e "$root/$file" ] || [ -L "$root/$file" ] || : >"$root/$file"
        done
        find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
        """;

    // A daemon that a package's script left would keep the tree busy, and write in it while it is finished.
    private const string EndDaemons = """
        --customize-hook=tries=0; while [ "$tries" -lt 50 ]; do
            tries=$((tries + 1)) left=
            for one in /proc/[0-9]*; do
                [ "$(readlink "$one/root")" != "$1" ] || { left=yes; kill -KILL "${one#/proc/}" || :; }
            done
            [ -n "$left" ] || exit 0
            sleep 0.1
        done
        """;

    /// <summary>What is done with every recipe alike: a change of it is another tree.</summary>
    public static ImmutableArray<string> Manner => [.. Options, Build];

    /// <param name="range">Whose root does it.</param>
    /// <param name="at">
    /// An empty folder for the room, the tree, and what is given: the packages, the tools, <see cref="Finish"/>.
    /// </param>
    /// <param name="log">Hears all that is said.</param>
    /// <param name="elsewhere">In <see cref="Surroundings.Others"/>.</param>
    /// <exception cref="BundleException">It failed; the message has apt's own words.</exception>
    public static async Task RunAsync(
        IdRange range,
        Recipe recipe,
        BundleLock locked,
        (string Room, string Tree, string Given) at,
        BuildLog log,
        bool elsewhere,
        CancellationToken stop
    )
    {
        var archives = locked.Tools.Select(tool => $"{BuildRoom.Given}/{tool.Sha256}");
        string[] command =
        [
            "sh",
            "-c",
            Build,
            "build",
            BuildRoom.Tree,
            "mmdebstrap",
            "--verbose",
            .. Options,
            .. recipe.Packages.IsEmpty ? [] : (string[])[$"--include={string.Join(',', recipe.Packages)}"],
            .. Directory.Exists(Merged) ? (string[])[$"--hook-dir={Merged}"] : [],
            EndDaemons,
            $"--customize-hook=sh {BuildRoom.Given}/{Finish} \"$1\" {string.Join(' ', archives)}",
            LocalRepository.Suite,
            BuildRoom.Tree,
            LocalRepository.Line(BuildRoom.Given),
        ];
        await using var build = await BuildRoom.StartAsync(range, at, command, Env(locked), log.Hear, stop, elsewhere);
        await build.Output.CopyToAsync(Stream.Null, stop);
        var code = await build.WaitAsync(stop);
        if (code != 0)
            throw new BundleException(
                $"Bundle {recipe.Name} could not be built (mmdebstrap ended with {code}).\n{log.Errors}"
            );
    }

    /// <summary>What packages are installed with.</summary>
    public static Dictionary<string, string> Env(BundleLock locked) =>
        new()
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["HOME"] = "/nonexistent",
            ["LC_ALL"] = "C.UTF-8",
            ["TZ"] = "UTC",
            ["DEBIAN_FRONTEND"] = "noninteractive",
            ["SOURCE_DATE_EPOCH"] = locked.Epoch.ToString(CultureInfo.InvariantCulture),
            ["TMPDIR"] = "/tmp",
        };
}
