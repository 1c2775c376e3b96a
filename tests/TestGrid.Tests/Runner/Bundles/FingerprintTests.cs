using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.Extensions.Options;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;
using TestGrid.Runner.Bundles.Imports;
using TestGrid.Runner.Sandboxes;
using TestGrid.Tests.Runner.Sandboxes.Docker;
using TestGrid.Tests.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>A bundle is the same files, whichever way it is started, as a program in it finds them.</summary>
[Collection(DockerCollection.Name)]
public sealed class FingerprintTests(TestDocker docker) : IDisposable
{
    private const string Image = "testgrid/base:fingerprint";

    // The digest's rules, as far as whoever is not root can see: without ids, without the bits of set-id, group and others,
    // and without what is closed to others; the size is in the hash. (/etc/mtab is a link that Docker makes.)
    private const string Fingerprint = """
        export LC_ALL=C; cd /
        engine='-path ./dev -o -path ./proc -o -path ./sys -o -path ./run -o -path ./tmp -o -path ./.dockerenv
          -o -path ./etc/hosts -o -path ./etc/hostname -o -path ./etc/resolv.conf -o -path ./etc/mtab'
        {
          find ${PARTS:-.} -mindepth 1 \( $engine \) -prune -o -type d ! -perm -o=rx -prune -printf '%y %m %p\n' -o -printf '%y %m %p %l\n' |
            sed 's/^\(.\) [0-7]*\([0-7]\)[0-7][0-7] /\1 \2 /' | sort
          find ${PARTS:-.} \( $engine \) -prune -o -type d ! -perm -o=rx -prune -o -type f -perm -o=r -print0 |
            sort -z | xargs -0 sha256sum
        } >/tmp/fingerprint.$$
        wc -l </tmp/fingerprint.$$; sha256sum </tmp/fingerprint.$$; rm /tmp/fingerprint.$$
        """;

    private readonly TempFolder folder = new();
    private readonly BundleExport exports = new(
        Options.Create(new BundleOptions { RootPath = Path.Combine(TestBundles.CachePath, "bundles") }),
        TestBundles.Store
    );

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Slow", "true")]
    public async Task It_is_one_in_a_sandbox_in_docker_and_in_a_run_file_for_root_and_users_on_this_Debian_and_another()
    {
        await using var lease = await TestBundles.BaseAsync(Stop);
        var record = TestBundles.Store.RecordOf(lease.Bundle.Digest)!;
        var run = Path.Combine(folder.Path, "base.run");
        var image = Path.Combine(folder.Path, "base.tar");
        await exports.WriteRunAsync(record, new RunApplication(null, null), run, new Progress<BundleProgress>(), Stop);
        await exports.WriteAsync(record, ExportFormat.Oci, image, Image, Stop);
        docker.Ask("load", "--input", image);
        await using var other = await TestBundles.Store.GetAsync("python-2.7", new Progress<BundleProgress>(), Stop);

        var found = new Dictionary<string, string>
        {
            ["sandbox"] = await InSandboxAsync(lease.Bundle),
            ["docker"] = docker.Ask("run", "--rm", "--network=none", "--user=root", Image, "sh", "-c", Fingerprint),
            ["root"] = await ShAsync("$1 --tg-mode root -- sh -c \"$2\"", run),
            ["fuse"] = await ShAsync(
                "mknod $TG_CACHE.fuse c 10 229; chmod 666 $TG_CACHE.fuse; mount --bind $TG_CACHE.fuse /dev/fuse; "
                    + "rm $TG_CACHE.fuse; user $1 --tg-mode fuse -- sh -c \"$2\"",
                run
            ),
            ["extracted"] = await ShAsync("user $1 --tg-mode extract -- sh -c \"$2\"", run),
            ["another Debian"] = await ShAsync(
                """
                mkdir $TG_CACHE/up $TG_CACHE/work $TG_CACHE/host
                mount -t overlay -o "lowerdir=$3,upperdir=$TG_CACHE/up,workdir=$TG_CACHE/work" host $TG_CACHE/host
                cd $TG_CACHE/host
                for part in dev proc sys; do mount --rbind /$part $part; done
                cp $1 tmp/base.run
                grep -q bullseye etc/os-release
                env -u TG_CACHE chroot . /tmp/base.run --tg-mode root -- sh -c "$2"
                """,
                run,
                other.Bundle.RootPath
            ),
        };
        docker.Ask("image", "rm", Image);
        // Of the machine only a part: who knows what all lies on it.
        var (here, there) = (
            await ShAsync("PARTS=./usr/bin sh -c \"$2\"", run),
            await ShAsync("$1 --tg-env PARTS=./usr/bin -- sh -c \"$2\"", run)
        );

        var lines = int.Parse(found["sandbox"].Split('\n')[0], CultureInfo.InvariantCulture);
        Assert.InRange(lines, 10_000, 100_000);
        Assert.All(found, one => Assert.Equal((one.Key, found["sandbox"].Trim()), (one.Key, one.Value.Trim())));
        Assert.NotEqual(here, there);
    }

    [Fact]
    [Trait("Slow", "true")]
    public async Task What_docker_saves_comes_back_as_the_same_digest()
    {
        await using var lease = await TestBundles.Store.GetAsync("run-tools", new Progress<BundleProgress>(), Stop);
        var record = TestBundles.Store.RecordOf(lease.Bundle.Digest)!;
        var (sent, saved) = (Path.Combine(folder.Path, "sent.tar"), Path.Combine(folder.Path, "saved.tar"));
        var store = Directory.CreateDirectory(Path.Combine(folder.Path, "store")).FullName;
        await exports.WriteAsync(record, ExportFormat.Oci, sent, Image, Stop);
        docker.Ask("load", "--input", sent);
        docker.Ask("save", "--output", saved, Image);
        docker.Ask("image", "rm", Image);

        var import = new BundleImport(Options.Create(new BundleOptions { RootPath = store }), TimeProvider.System);
        var imported = await import.ImportAsync(saved, null, "saved", new Progress<BundleProgress>(), Stop);

        Assert.Equal(record.Digest, imported.Digest);
    }

    public void Dispose() => folder.Dispose();

    private async Task<string> InSandboxAsync(Bundle bundle)
    {
        var options = new SandboxOptions { StatePath = Path.Combine(folder.Path, "state") };
        await using var engine = NativeSandboxEngineContract.CreateAt(options);
        var spec = new SandboxSpec("1.1-1", bundle.RootPath, [], JobLimits.Default, SandboxNetwork.None)
        {
            Digest = bundle.Digest,
        };
        await using var sandbox = await engine.CreateAsync(spec, Stop);
        var pipe = new Pipe();
        var said = new StreamReader(pipe.Reader.AsStream(), Encoding.UTF8).ReadToEndAsync(Stop);
        var env = ImmutableSortedDictionary<string, string>.Empty.Add("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        var command = new SandboxCommand(["sh", "-c", Fingerprint], env, "/", "root");
        var exit = await sandbox.RunAsync(command, pipe.Writer, Stop);
        await pipe.Writer.CompleteAsync();
        Assert.Equal(0, exit.ExitCode);
        return await said;
    }

    // In a mount namespace of its own, which takes its mounts with it.
    private static async Task<string> ShAsync(string script, string run, string host = "")
    {
        const string prepare = """
            set -e
            TG_CACHE=$(mktemp -d); export TG_CACHE
            trap 'cd /; umount -lR $TG_CACHE/host 2>/dev/null || true; rm -rf --one-file-system $TG_CACHE' EXIT
            user() { chown 65534:65534 $TG_CACHE; setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

            """;
        string[] words = ["--mount", "sh", "-c", prepare + script, "sh", run, Fingerprint, host];
        var start = new ProcessStartInfo("unshare", words)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEndAsync(Stop);
        var output = await process.StandardOutput.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        Assert.True(process.ExitCode == 0, await said);
        return output;
    }
}
