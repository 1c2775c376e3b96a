using System.Collections.Immutable;
using System.Globalization;
using System.IO.Compression;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Builds a recipe's tree into a folder: mmdebstrap's tar goes straight into the sandboxes' id range, is read into a
/// manifest, and must pass its recipe's checks. Whatever becomes of it, none of its processes is left.
/// </summary>
internal sealed class BundleBuilder(AptSources sources, BundleOptions options, TimeProvider time)
{
    private static readonly ImmutableArray<string> Options =
    [
        "--variant=minbase",
        "--format=tar",
        "--dpkgopt=force-unsafe-io",
    ];

    private readonly IdRange range = new(options.IdBase);

    /// <summary>What this builder does with every recipe alike: a change of it is another tree.</summary>
    internal static ImmutableArray<string> Manner => [.. Options, Unpack];

    /// <param name="recipe">Complete with its parents'.</param>
    /// <param name="folder">An empty folder; gets <c>tree/</c> with what the store keeps, and <c>work/</c>.</param>
    /// <param name="log">Where everything the tools say is kept.</param>
    /// <exception cref="BundleException">It cannot be built; the message has apt's own words.</exception>
    public async Task<BundleRecord> BuildAsync(
        Recipe recipe,
        string folder,
        TextWriter log,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        using var limit = new CancellationTokenSource(options.BuildTime, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            return await BuildStepsAsync(recipe, folder, new BuildLog(recipe.Name, log, progress), both.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            throw new BundleException(
                $"Bundle {recipe.Name} was not built within {options.BuildTime}. "
                    + "Remedy: look at the mirror, or raise Bundles:BuildTime."
            );
        }
    }

    private async Task<BundleRecord> BuildStepsAsync(Recipe recipe, string folder, BuildLog log, CancellationToken stop)
    {
        CheckSpace();
        var (work, tree) = (Path.Combine(folder, "work"), Path.Combine(folder, "tree"));
        var root = Path.Combine(tree, "root");
        Directory.CreateDirectory(work);
        Directory.CreateDirectory(root);
        foreach (var passed in new[] { folder, work, tree })
            File.SetUnixFileMode(passed, (UnixFileMode)0x1ED); // 0755: the range's root passes through
        log.Reach(0, "asking the mirror");
        var release = await sources.ReleaseAsync(recipe.Suite, Path.Combine(work, "apt"), stop);

        await UnpackAsync(recipe, release, work, root, log, stop);

        log.Reach(94, "reading the tree");
        var manifest = TreeReader.Read(root, range.Base, stop);
        await KeepAsync(manifest, Path.Combine(tree, "manifest.gz"), stop);
        log.Reach(97, "checking");
        foreach (var check in recipe.Checks)
            await CheckAsync(recipe, check, root, Path.Combine(work, "check"), stop);

        var packages = BundlePackage.Read(
            Path.Combine(root, "var/lib/dpkg/status"),
            Path.Combine(work, "apt", "lists")
        );
        var record = new BundleRecord(
            recipe.Name,
            manifest.Digest,
            recipe.Suite,
            BuildKey.Of(recipe),
            release.Epoch,
            manifest.Bytes,
            packages
        );
        record.Write(Path.Combine(tree, "bundle.json"));
        await File.WriteAllBytesAsync(Path.Combine(tree, "lease"), [], stop);
        log.Reach(99, "storing");
        Posix.Settle(tree);
        return record;
    }

    private void CheckSpace()
    {
        var free = new DriveInfo(options.RootPath).AvailableFreeSpace;
        if (free < options.FreeBytes)
            throw new BundleException(
                $"{options.RootPath} has {free >> 20} MB free and a build wants {options.FreeBytes >> 20} MB. "
                    + "Remedy: make room, or move the store (Bundles:RootPath)."
            );
    }

    private async Task UnpackAsync(
        Recipe recipe,
        AptRelease release,
        string work,
        string root,
        BuildLog log,
        CancellationToken stop
    )
    {
        // The folder itself is handed over too: tar sets the mode of "./", and only its owner may.
        if (Posix.EffectiveUser() == 0)
            Posix.GiveTo(root, range.Base, range.Base);
        using var tar = await range.StartAsync(["sh", "-c", Unpack, "unpack", root], stop);
        try
        {
            var complaints = tar.StandardError.ReadToEndAsync(stop);
            await using (
                var build = LifelineProcess.Start(
                    await CommandAsync(recipe, release, work, stop),
                    Env(release, work),
                    log.Hear
                )
            )
            {
                await build.Output.CopyToAsync(tar.StandardInput.BaseStream, 1 << 17, stop);
                var code = await build.WaitAsync(stop);
                if (code != 0)
                    throw new BundleException(
                        $"Bundle {recipe.Name} could not be built (mmdebstrap ended with {code}).\n{log.Errors}"
                    );
            }
            tar.StandardInput.Close();
            await tar.WaitForExitAsync(stop);
            if (tar.ExitCode != 0)
                throw new BundleException($"Bundle {recipe.Name} could not be unpacked: {(await complaints).Trim()}");
        }
        finally
        {
            if (!tar.HasExited)
            {
                tar.Kill(entireProcessTree: true);
                await tar.WaitForExitAsync(CancellationToken.None);
            }
        }
    }

    private const string Unpack = """
        set -e
        umask 022
        cd "$1"
        chown 0:0 .
        tar -xpf - --numeric-owner --xattrs --xattrs-include=security.capability --exclude='./dev/*'
        for file in etc/hosts etc/hostname etc/resolv.conf; do
            [ -e "$file" ] || [ -L "$file" ] || : >"$file"
        done
        """;

    private async Task<ImmutableArray<string>> CommandAsync(
        Recipe recipe,
        AptRelease release,
        string work,
        CancellationToken stop
    )
    {
        var finish = Path.Combine(work, "finish.sh");
        await File.WriteAllTextAsync(finish, FinishScript.Of(recipe), stop);
        var machine = Path.Combine(work, "machine.conf");
        await File.WriteAllTextAsync(machine, await sources.ConfigAsync(stop), stop);
        // On a machine without perl's usrmerge in its cache this hook saves 20 packages and 4 seconds.
        const string merged = "/usr/share/mmdebstrap/hooks/maybe-merged-usr";
        return
        [
            "mmdebstrap",
            "--verbose",
            Posix.EffectiveUser() == 0 ? "--mode=root" : "--mode=unshare",
            .. Options,
            .. recipe.Packages.IsEmpty
                ? ImmutableArray<string>.Empty
                : [$"--include={string.Join(',', recipe.Packages)}"],
            .. Directory.Exists(merged) ? [$"--hook-dir={merged}"] : ImmutableArray<string>.Empty,
            $"--aptopt={machine}",
            $"--customize-hook=sh '{finish}' \"$1\"",
            recipe.Suite,
            "-",
            .. release.Lines,
        ];
    }

    private static Dictionary<string, string> Env(AptRelease release, string work) =>
        new()
        {
            ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ["HOME"] = "/root",
            ["LC_ALL"] = "C.UTF-8",
            ["TZ"] = "UTC",
            ["DEBIAN_FRONTEND"] = "noninteractive",
            ["SOURCE_DATE_EPOCH"] = release.Epoch.ToString(CultureInfo.InvariantCulture),
            ["TMPDIR"] = work,
        };

    private static async Task KeepAsync(Manifest manifest, string file, CancellationToken stop)
    {
        await using var gzip = new GZipStream(File.Create(file), CompressionLevel.Fastest);
        await gzip.WriteAsync(manifest.Text, stop);
    }

    // In an overlay that vanishes with its namespace: a check that writes must not change what was just digested.
    private const string Look = """
        set -e
        mkdir -p "$1"
        mount -t tmpfs -o mode=755 tmpfs "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay -o "userxattr,lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
        mount --rbind /dev "$1/root/dev"
        mount --rbind /proc "$1/root/proc"
        root=$1/root uid=$3 name=$4
        shift 4
        cd /
        exec chroot --userspec="$uid:$uid" --groups="$uid" "$root" /usr/bin/env -i "HOME=/home/$name" "USER=$name" \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" 2>&1
        """;

    private async Task CheckAsync(Recipe recipe, RecipeCheck check, string root, string mount, CancellationToken stop)
    {
        Directory.CreateDirectory(mount);
        var user = recipe.Users.FirstOrDefault() ?? new RecipeUser("root", 0, false);
        var uid = user.Uid.ToString(CultureInfo.InvariantCulture);
        using var process = await range.StartAsync(
            ["sh", "-c", Look, "check", mount, root, uid, user.Name, .. check.Run],
            stop
        );
        try
        {
            process.StandardInput.Close();
            var complaints = process.StandardError.ReadToEndAsync(stop);
            var said = await process.StandardOutput.ReadToEndAsync(stop);
            await process.WaitForExitAsync(stop);
            if (process.ExitCode != 0 || !said.Contains(check.Expect, StringComparison.Ordinal))
                throw new BundleException(
                    $"Bundle {recipe.Name} fails its check '{string.Join(' ', check.Run)}': it ended with "
                        + $"{process.ExitCode}, should say '{check.Expect}', and said: "
                        + $"{said.Trim()} {(await complaints).Trim()}"
                );
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
