using System.Globalization;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>How trees are shown on this machine, and why.</summary>
/// <param name="IsErofs">From an EROFS image; otherwise as the folder that was built.</param>
/// <param name="IsFile">The kernel mounts the file itself; otherwise a loop device does.</param>
/// <param name="Text">For people: <c>directory (bundles:mount)</c>.</param>
public sealed record MountWay(bool IsErofs, bool IsFile, string Text)
{
    // File-backed mounts came with 6.12.
    private static readonly Version FileBacked = new(6, 12);

    /// <summary>The way of this machine, for whoever we are.</summary>
    public static MountWay Here(BundleMount wanted)
    {
        if (wanted == BundleMount.Directory)
            return new MountWay(false, false, "directory (bundles:mount)");
        var kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        var has =
            File.ReadAllText("/proc/filesystems").Contains("\terofs\n", StringComparison.Ordinal)
            || File.Exists($"/lib/modules/{kernel}/kernel/fs/erofs/erofs.ko")
            || File.Exists($"/lib/modules/{kernel}/kernel/fs/erofs/erofs.ko.xz");
        string[] places = ["/usr/bin/mkfs.erofs", "/usr/sbin/mkfs.erofs", "/usr/local/bin/mkfs.erofs"];
        return Decide(Posix.EffectiveUser() == 0, has, kernel, places.Any(File.Exists));
    }

    /// <param name="isRoot">Only root mounts images.</param>
    /// <param name="hasErofs">Whether the kernel has it, or its module.</param>
    /// <param name="kernel">Its release: <c>6.12.3-amd64</c>.</param>
    /// <param name="hasTool">Whether mkfs.erofs is there.</param>
    internal static MountWay Decide(bool isRoot, bool hasErofs, string kernel, bool hasTool)
    {
        var why =
            !isRoot ? "only root mounts images"
            : !hasErofs ? $"the kernel {kernel} has no EROFS"
            : !hasTool ? "mkfs.erofs is missing: apt-get install erofs-utils"
            : null;
        if (why is not null)
            return new MountWay(false, false, $"directory ({why})");
        return VersionOf(kernel) >= FileBacked
            ? new MountWay(true, true, "erofs, of the file itself")
            : new MountWay(true, false, "erofs, over a loop device");
    }

    private static Version VersionOf(string kernel)
    {
        var numbers = kernel.Split('.', '-', '+', '_');
        return
            numbers.Length >= 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
            ? new Version(major, minor)
            : new Version(0, 0);
    }
}
