using System.Diagnostics;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class TreeMountsTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string StorePath => Path.Combine(folder.Path, "bundles");

    [Theory]
    [InlineData(true, true, "6.18.44-fc", true, "erofs, of the file itself")]
    [InlineData(true, true, "6.12-rc1", true, "erofs, of the file itself")]
    [InlineData(true, true, "6.1.0-40-amd64", true, "erofs, over a loop device")]
    [InlineData(true, true, "odd", true, "erofs, over a loop device")]
    [InlineData(true, false, "6.18.44", true, "directory (the kernel 6.18.44 has no EROFS)")]
    [InlineData(true, true, "6.18.44", false, "directory (mkfs.erofs is missing: apt-get install erofs-utils)")]
    [InlineData(false, true, "6.18.44", true, "directory (only root mounts images)")]
    public void What_this_machine_can_is_found_out_and_said(bool root, bool has, string kernel, bool tool, string text)
    {
        var way = MountWay.Decide(root, has, kernel, tool);

        Assert.Equal(text, way.Text);
        Assert.Equal(text.StartsWith("erofs", StringComparison.Ordinal), way.IsErofs);
    }

    [Fact]
    public async Task A_tree_is_shown_from_one_image_read_only_and_goes_with_its_bundle()
    {
        Assert.SkipUnless(MountWay.Here(BundleMount.Auto).IsErofs, MountWay.Here(BundleMount.Auto).Text);
        var store = Store(BundleMount.Erofs);
        var digest = await KeepAsync();

        await using (var lease = await store.ShowAsync(store.Find(digest)!, Stop))
        await using (var other = await Store(BundleMount.Auto).ShowAsync(store.Find(digest)!, Stop))
        {
            var root = lease.Bundle.RootPath;
            Assert.Equal(root, other.Bundle.RootPath);
            Assert.Equal(Path.Combine(StorePath, "mnt", digest.Hex), root);
            Assert.Equal("words", await File.ReadAllTextAsync(Path.Combine(root, "etc/file"), Stop));
            Assert.Equal(digest, TreeReader.Read(root, 100_000, Stop).Digest);
            Assert.Throws<IOException>(() => File.WriteAllText(Path.Combine(root, "etc/file"), "others"));
            Assert.Equal(0, await store.CleanAsync(Stop)); // in use
        }
        Assert.Single(Mounts());
        Assert.True(await Store(BundleMount.Directory).CleanAsync(Stop) > 0);
        Assert.Empty(Mounts());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "mnt")));
    }

    [Fact]
    public async Task An_image_that_was_changed_before_the_machine_started_is_made_anew()
    {
        Assert.SkipUnless(MountWay.Here(BundleMount.Auto).IsErofs, MountWay.Here(BundleMount.Auto).Text);
        var store = Store(BundleMount.Erofs);
        var digest = await KeepAsync();
        var image = Path.Combine(StorePath, "trees", digest.Hex, "tree.erofs");
        await using (var first = await store.ShowAsync(store.Find(digest)!, Stop))
            await UnmountAsync();
        var made = await File.ReadAllBytesAsync(image, Stop);
        await File.WriteAllBytesAsync(image, [.. made[..^100], .. new byte[100]], Stop);
        var sum = (await File.ReadAllTextAsync(image + ".sum", Stop)).Split(' ')[0];
        await File.WriteAllTextAsync(image + ".sum", $"{sum} another-boot\n", Stop);

        await using var lease = await store.ShowAsync(store.Find(digest)!, Stop);

        Assert.Equal(digest, TreeReader.Read(lease.Bundle.RootPath, 100_000, Stop).Digest);
        Assert.Equal(made, await File.ReadAllBytesAsync(image, Stop));
    }

    [Fact]
    public async Task A_tree_that_was_changed_is_not_shown()
    {
        Assert.SkipUnless(MountWay.Here(BundleMount.Auto).IsErofs, MountWay.Here(BundleMount.Auto).Text);
        var digest = await KeepAsync();
        await File.WriteAllTextAsync(Path.Combine(StorePath, "trees", digest.Hex, "root/etc/file"), "others", Stop);
        var store = Store(BundleMount.Erofs);

        await using var lease = store.Find(digest)!;
        var thrown = await Assert.ThrowsAsync<BundleException>(async () => await store.ShowAsync(lease, Stop));

        Assert.Contains("was changed", thrown.Message, StringComparison.Ordinal);
        Assert.Empty(Mounts());
    }

    public void Dispose()
    {
        UnmountAsync().Wait();
        folder.Dispose();
    }

    private BundleStore Store(BundleMount mount) =>
        TestBundles.StoreAt(
            StorePath,
            Directory.CreateDirectory(Path.Combine(folder.Path, "recipes")).FullName,
            options => (options.Mount, options.MaxBytes) = (mount, 0)
        );

    private async Task<BundleDigest> KeepAsync()
    {
        var options = new BundleOptions { RootPath = StorePath };
        var shelf = new BundleShelf(options, new LockShelf(options), TimeProvider.System);
        var made = Path.Combine(folder.Path, "made");
        var root = Directory.CreateDirectory(Path.Combine(made, "tree/root/etc")).Parent!.FullName;
        await File.WriteAllTextAsync(Path.Combine(root, "etc/file"), "words", Stop);
        using (var chown = Process.Start("chown", ["-R", "100000:100000", root]))
            await chown.WaitForExitAsync(Stop);
        var found = TreeReader.Read(root, 100_000, Stop);
        var record = new BundleRecord("made", found.Digest, "bookworm", "", 1, found.Bytes, []);
        record.Write(Path.Combine(made, "tree/bundle.json"));
        await File.WriteAllBytesAsync(Path.Combine(made, "tree/lease"), [], Stop);
        shelf.Keep(made, record);
        return found.Digest;
    }

    private string[] Mounts() =>
        [.. File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(StorePath, StringComparison.Ordinal))];

    private async Task UnmountAsync()
    {
        foreach (var mount in Mounts())
        {
            using var unmount = Process.Start("umount", ["-l", mount.Split(' ')[4]]);
            await unmount.WaitForExitAsync(CancellationToken.None);
        }
    }
}
