using System.Collections.Immutable;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>What a draft is made upon.</summary>
/// <param name="Root">A bundle's tree, in use.</param>
/// <param name="Added">What the lock has that the tree has not.</param>
internal sealed record DraftBase(string Root, ImmutableArray<LockedPackage> Added);

/// <summary>Adds packages to a copy of a tree, by its own apt, in a <see cref="BuildRoom"/>.</summary>
internal static class DraftInstall
{
    private const string Add = """
        set -e
        umask 022
        root=$1
        shift
        mount --rbind /dev "$root/dev"
        mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
        mkdir "$root/tmp/given"
        mount --rbind /build/given "$root/tmp/given"
        echo "deb [trusted=yes] copy:/tmp/given locked main" >"$root/tmp/sources"
        printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
        chmod 0755 "$root/usr/sbin/policy-rc.d"
        apt() {
            chroot "$root" apt-get -o Dir::Etc::SourceList=/tmp/sources -o Dir::Etc::SourceParts=/nonexistent \
                -o APT::Sandbox::User=root -o Acquire::Languages=none -o APT::Install-Recommends=false \
                -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 "$@" >&2
        }
        apt update
        apt install -y "$@"
        for one in /proc/[0-9]*; do
            [ "$(readlink "$one/root")" != "$root" ] || kill -KILL "${one#/proc/}" || :
        done
        umount "$root/tmp/given"
        sh /build/given/finish.sh "$root" >&2
        # From here on as mmdebstrap leaves a tree, so that the whole build comes to the same.
        rm -f "$root/usr/sbin/policy-rc.d"
        for folder in "$root"/var/lib/apt/lists "$root"/var/cache/apt/archives; do
            chown 42:0 "$folder"/partial
            chmod 0700 "$folder"/partial
            : >"$folder"/lock
            chmod 0640 "$folder"/lock
        done
        umount -l "$root/proc"
        umount -l "$root/dev"
        find "$root/tmp" "$root/run" -mindepth 1 -delete
        find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
        """;

    /// <exception cref="BundleException">It failed; the message has apt's own words.</exception>
    public static async Task RunAsync(
        IdRange range,
        Recipe recipe,
        BundleLock locked,
        DraftBase upon,
        (string Room, string Tree, string Given) at,
        BuildLog log,
        CancellationToken stop
    )
    {
        log.Reach(20, "copying the last tree");
        var copy = await range.RunAsync(["cp", "-a", "--reflink=auto", upon.Root + "/.", at.Tree], stop);
        if (copy is not null)
            throw new BundleException($"{upon.Root} could not be copied: {copy}");
        log.Reach(50, "installing packages");
        var names = upon.Added.Select(package => package.Name).Where(recipe.Packages.Contains);
        string[] command = ["sh", "-c", Add, "draft", BuildRoom.Tree, .. names];
        var env = PackageInstall.Env(locked);
        await using var build = await BuildRoom.StartAsync(range, at, command, env, log.Hear, stop);
        await build.Output.CopyToAsync(Stream.Null, stop);
        if (await build.WaitAsync(stop) is var code and not 0)
            throw new BundleException($"The draft of {recipe.Name} could not be made ({code}).\n{log.Errors}");
    }
}
