using System.Diagnostics;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;
using TestGrid.Tests.Runner.Sandboxes.Docker;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>What leaves TestGrid is the same tree, by the programs that receivers have.</summary>
[Collection(DockerCollection.Name)]
public sealed class BundleExportTests(TestDocker docker) : IDisposable
{
    private const string Image = "testgrid/base:exported";

    private readonly TempFolder folder = new();
    private readonly BundleExport exports = new(
        Options.Create(new BundleOptions { RootPath = Path.Combine(TestBundles.CachePath, "bundles") }),
        TestBundles.Store
    );

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [Trait("Slow", "true")]
    [InlineData(
        ExportFormat.Rootfs,
        "a.tar",
        "tar -xpf $0 -C $1 --numeric-owner --xattrs --xattrs-include='security.*'"
    )]
    [InlineData(
        ExportFormat.Rootfs,
        "a.tar.zst",
        "tar -xpf $0 -C $1 --numeric-owner --xattrs --xattrs-include='security.*'"
    )]
    [InlineData(ExportFormat.Squashfs, "a.squashfs", "mount -o loop,ro $0 /mnt; cp -a /mnt/. $1")]
    [InlineData(ExportFormat.Erofs, "a.erofs", "mount -o loop,ro $0 /mnt; cp -a /mnt/. $1")]
    [InlineData(
        ExportFormat.Oci,
        "a.tar",
        "layer=$(tar -xOf $0 manifest.json | grep -o '\"Layers\":\\[\"[^\"]*' | cut -d'\"' -f4);"
            + " tar -xOf $0 $layer | tar -xp -C $1 --numeric-owner --xattrs --xattrs-include='security.*'"
    )]
    public async Task It_is_the_same_tree_and_twice_the_same_bytes(ExportFormat format, string name, string open)
    {
        var bundle = await BaseAsync();
        var tree = Path.Combine(folder.Path, "tree");

        var one = await exports.WriteAsync(bundle, format, Path.Combine(folder.Path, name), Image, Stop);
        var two = await exports.WriteAsync(bundle, format, Path.Combine(folder.Path, "again-" + name), Image, Stop);

        Assert.Equal(one.Sha256, two.Sha256);
        File.Delete(two.File);
        Directory.CreateDirectory(tree);
        // In a mount namespace of its own, which takes a mount with it.
        await RunAsync("unshare", "--mount", "bash", "-ec", open, one.File, tree);
        var differences = TestBundles.Store.ManifestOf(bundle.Digest).DifferencesTo(TreeReader.Read(tree, 0, Stop), 20);
        Assert.Equal([], differences);
        Assert.Equal([one.File, tree], Directory.GetFileSystemEntries(folder.Path).Order()); // nothing half is left
    }

    [Fact]
    public async Task Docker_loads_the_image_under_its_name_and_runs_it()
    {
        var bundle = await BaseAsync();

        var written = await exports.WriteAsync(
            bundle,
            ExportFormat.Oci,
            Path.Combine(folder.Path, "image.tar"),
            Image,
            Stop
        );
        docker.Ask("load", "--input", written.File);

        Assert.Equal(written.Image, docker.Ask("inspect", "--format", "{{.Id}}", Image).Trim());
        Assert.Equal(
            bundle.Digest.ToString(),
            docker.Ask("inspect", "--format", "{{index .Config.Labels \"org.testgrid.bundle\"}}", Image).Trim()
        );
        Assert.Equal(
            "travis /home/travis",
            docker.Ask("run", "--rm", "--network=none", Image, "bash", "-c", "echo $(id -un) $PWD").Trim()
        );
        docker.Ask("image", "rm", Image);
    }

    [Fact]
    public async Task A_place_that_cannot_be_written_is_told_and_nothing_is_left()
    {
        var bundle = await BaseAsync();
        var missing = Path.Combine(folder.Path, "no", "such", "a.tar");

        var refused = await Assert.ThrowsAsync<BundleException>(() =>
            exports.WriteAsync(bundle, ExportFormat.Rootfs, missing, Image, Stop)
        );

        Assert.Contains(missing, refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    public void Dispose() => folder.Dispose();

    private static async Task<BundleRecord> BaseAsync()
    {
        await using var lease = await TestBundles.BaseAsync(Stop);
        return TestBundles.Store.RecordOf(lease.Bundle.Digest)!;
    }

    private static async Task RunAsync(string program, params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo(program, words) { RedirectStandardError = true })!;
        var complaints = await process.StandardError.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        Assert.True(process.ExitCode == 0, complaints);
    }
}
