using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>A bundle that comes from elsewhere, over a supplier that may be anybody.</summary>
public sealed class BundleFetchTests : IDisposable
{
    private const long Base = 100_000;

    private readonly TempFolder folder = new();
    private readonly Manifest manifest;
    private readonly byte[] tree;
    private int trees;

    public BundleFetchTests()
    {
        Directory.CreateDirectory(Source);
        Shell(
            """
            umask 022
            mkdir -p usr/bin etc dev run/left tmp
            printf abc >usr/bin/tool && ln usr/bin/tool usr/bin/same && ln -s /usr/bin/tool etc/link
            mkdir -p var/lib/dpkg
            printf 'Package: bash\nVersion: 5.2\nArchitecture: amd64\n\n' >var/lib/dpkg/status
            touch "$(printf 'a\377b')"; printf x >etc/hosts; printf y >run/left/over; mkfifo -m 0600 etc/pipe
            chown -hR 100000:100042 . && chmod 4755 usr/bin/tool && chmod 1777 tmp
            """
        );
        manifest = TreeReader.Read(Source, Base, Stop);
        using var tar = new MemoryStream();
        BundleArchive.PackAsync(new IdRange(Base), Source, tar, Stop).GetAwaiter().GetResult();
        tree = tar.ToArray();
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Source => Path.Combine(folder.Path, "source");

    private string StorePath => Path.Combine(folder.Path, "bundles");

    public static TheoryData<string> Attacks =>
        [
            "a name that leads up",
            "an absolute name",
            "a name through an absolute link",
            "a name through a link that leads up",
            "a hard link to a file outside",
            "a device",
            "a name twice",
        ];

    [Fact]
    public async Task A_recipe_that_is_not_here_comes_from_the_supplier_once_for_all_who_ask_and_is_the_same_tree()
    {
        var (store, heard) = (Store(() => tree), new Heard());

        var leases = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => store.GetAsync("far", heard, Stop).AsTask())
        );

        Assert.Equal(1, trees);
        Assert.All(leases, lease => Assert.Equal(manifest.Digest, lease.Bundle.Digest));
        Assert.Empty(await store.VerifyAsync(manifest.Digest, Stop));
        Assert.Contains(heard.Words, words => words.Contains("fetching it from the server", StringComparison.Ordinal));
        Assert.False(File.Exists(Path.Combine(leases[0].Bundle.RootPath, "run/left/over"))); // an engine's own
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
        foreach (var lease in leases)
            await lease.DisposeAsync();
        await using var again = await store.GetAsync("far", heard, Stop);
        Assert.Equal(1, trees);
    }

    [Fact]
    public async Task A_transfer_that_breaks_off_begins_again_and_gives_up_after_the_fourth()
    {
        var broken = 0;
        var (store, heard) = (Store(() => broken++ < 2 ? null : tree), new Heard());
        await using (await store.GetAsync("far", heard, Stop))
            Assert.Equal(3, trees);

        broken = -100;
        var other = TestBundles.StoreAt(Path.Combine(folder.Path, "other"), Recipes(), supplier: Supplier(() => null));
        var gone = await Assert.ThrowsAsync<BundleException>(async () => await other.GetAsync("far", heard, Stop));
        Assert.Contains("could not be fetched from the server, 4 times", gone.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tree_that_is_not_what_its_name_says_is_refused_with_the_paths_that_differ()
    {
        Shell("printf abd >usr/bin/tool");
        using var tar = new MemoryStream();
        await BundleArchive.PackAsync(new IdRange(Base), Source, tar, Stop);

        var refused = await RefusedAsync(tar.ToArray());

        Assert.Contains("is another tree", refused, StringComparison.Ordinal);
        Assert.Contains("usr/bin/tool", refused, StringComparison.Ordinal);
        Assert.DoesNotContain("etc/link", refused, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task An_archive_that_attacks_is_refused_and_nothing_outside_changes(string attack)
    {
        // Writable for the very user that unpacks: another bundle's tree is.
        var outside = Directory.CreateDirectory(Path.Combine(folder.Path, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "mine"), "mine");
        Shell($"chown -R 100000:100000 {outside}");
        var up = string.Concat(Enumerable.Repeat("../", 20));
        TarEntry[] entries = attack switch
        {
            "a name that leads up" => [Plain($"{up}{outside[1..]}/evil")],
            "an absolute name" => [Plain($"{outside}/evil")],
            "a name through an absolute link" => [Link("way", outside), Plain("way/evil"), Plain("way/mine")],
            "a name through a link that leads up" => [Link("way", up + outside[1..]), Plain("way/evil")],
            "a hard link to a file outside" => [Hard("grab", $"{outside}/mine"), Plain("grab")],
            "a device" => [new PaxTarEntry(TarEntryType.CharacterDevice, "null") { DeviceMajor = 1, DeviceMinor = 3 }],
            _ => [Plain("one"), Plain("one")],
        };
        using var tar = new MemoryStream();
        await using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            foreach (var entry in entries)
                await writer.WriteEntryAsync(entry, Stop);
        }

        Assert.Matches("is refused", await RefusedAsync(tar.ToArray()));

        Assert.Equal([Path.Combine(outside, "mine")], Directory.GetFileSystemEntries(outside));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(outside, "mine")));
    }

    [Fact]
    public async Task What_neither_the_supplier_nor_a_recipe_knows_is_told_in_words()
    {
        var store = TestBundles.StoreAt(
            StorePath,
            Recipes(),
            supplier: new BundleSupplier(
                (_, _) => new((BundleRecord?)null),
                (_, _) => new((BundleRecord?)null),
                (_, _, _) => new((Stream?)null)
            )
        );

        var none = await Assert.ThrowsAsync<BundleException>(async () =>
            await store.GetAsync("far", new Heard(), Stop)
        );

        Assert.StartsWith(
            "There is no bundle called 'far', and the server has none",
            none.Message,
            StringComparison.Ordinal
        );
        await Assert.ThrowsAsync<BundleException>(async () => await store.GetAsync("../far", new Heard(), Stop));
    }

    [Fact]
    public async Task A_bundle_asked_for_by_its_digest_comes_though_the_recipe_has_another_here()
    {
        var recipes = Recipes();
        Directory.CreateDirectory(Path.Combine(recipes, "far"));
        File.WriteAllText(
            Path.Combine(recipes, "far", "recipe.yml"),
            "bundle: far\ntitle: afar\ndebian:\n  suite: bookworm\n  packages: [bash]\n"
        );
        var (store, heard) = (TestBundles.StoreAt(StorePath, recipes, supplier: Supplier(() => tree)), new Heard());

        // The first that comes becomes the recipe's own here, as the page of runners shows; a later one does not.
        await using (var first = await store.GetExactlyAsync("far", manifest.Digest, heard, Stop))
            Assert.Equal(manifest.Digest, first.Bundle.Digest);
        Assert.Equal(manifest.Digest, store.DigestOf("far"));
        var mine = manifest.Digest;
        Shell("printf other >usr/bin/tool");
        var second = TreeReader.Read(Source, Base, Stop);
        using var tar = new MemoryStream();
        await BundleArchive.PackAsync(new IdRange(Base), Source, tar, Stop);
        var rebuilt = TestBundles.StoreAt(
            StorePath,
            recipes,
            supplier: new BundleSupplier(
                (_, _) => throw new InvalidOperationException("a name is no digest"),
                (digest, _) => new(digest == second.Digest ? Offered with { Digest = second.Digest } : null),
                (_, part, _) => new(Gzip(part == BundleSupplier.Manifest ? second.Text.ToArray() : tar.ToArray()))
            )
        );
        await using (var exactly = await rebuilt.GetExactlyAsync("far", second.Digest, heard, Stop))
            Assert.Equal("other", File.ReadAllText(Path.Combine(exactly.Bundle.RootPath, "usr/bin/tool")));
        Assert.Equal(mine, rebuilt.DigestOf("far"));

        var none = await Assert.ThrowsAsync<BundleException>(async () =>
            await rebuilt.GetExactlyAsync("far", BundleDigest.Of(new byte[32]), heard, Stop)
        );
        Assert.Contains($"its own is {mine.Short}", none.Message, StringComparison.Ordinal);
        Assert.Contains("the server has it not either. Remedy: build it where", none.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<BundleException>(async () =>
            await rebuilt.GetExactlyAsync("unknown", BundleDigest.Of(new byte[32]), heard, Stop)
        );
    }

    public void Dispose()
    {
        Shell("rm -rf ../bundles ../other ../outside ../source");
        folder.Dispose();
    }

    private async Task<string> RefusedAsync(byte[] archive)
    {
        var store = Store(() => archive);
        var refused = await Assert.ThrowsAsync<BundleException>(async () =>
            await store.GetAsync("far", new Heard(), Stop)
        );
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
        Assert.Empty(store.List());
        return refused.Message;
    }

    private BundleStore Store(Func<byte[]?> archive) =>
        TestBundles.StoreAt(StorePath, Recipes(), supplier: Supplier(archive));

    private string Recipes() => Directory.CreateDirectory(Path.Combine(folder.Path, "recipes")).FullName;

    [Fact]
    public async Task The_lock_comes_along_when_it_says_what_is_in_the_tree()
    {
        var store = TestBundles.StoreAt(StorePath, Recipes(), supplier: WithLock(Locked, Locked.Text()));

        await using var lease = await store.GetAsync("far", new Heard(), Stop);

        var kept = File.ReadAllText(Path.Combine(StorePath, "trees", manifest.Digest.Hex, "lock.json"));
        Assert.Equal(Locked.Text(), kept);
        Assert.Equal("bash", Assert.Single(store.List().Single().Packages).Name);
    }

    [Fact]
    public async Task A_lock_that_is_not_the_trees_is_refused_and_so_is_the_bundle()
    {
        var other = Locked with { Packages = [Locked.Packages[0] with { Version = "5.3" }] };
        var cases = new (BundleLock Named, string? Sent, string Says)[]
        {
            (Locked, other.Text(), "is not the one that it names"),
            (other, other.Text(), "+ bash 5.2 (amd64)"),
            (Locked, "{}", "is not the one that it names"),
            (Locked, null, "has the lock of"),
        };
        foreach (var (named, sent, says) in cases)
        {
            var store = TestBundles.StoreAt(StorePath, Recipes(), supplier: WithLock(named, sent));
            var refused = await Assert.ThrowsAsync<BundleException>(async () =>
                await store.GetAsync("far", new Heard(), Stop)
            );
            Assert.Contains(says, refused.Message, StringComparison.Ordinal);
            Assert.Empty(store.List());
        }
    }

    [Fact]
    public async Task A_list_of_packages_that_leads_out_of_the_tree_is_not_read()
    {
        Shell(
            "mv var/lib/dpkg/status status && ln -s /etc/passwd var/lib/dpkg/status; chown -h 100000:100042 var/lib/dpkg/status"
        );
        var linked = TreeReader.Read(Source, Base, Stop);
        using var tar = new MemoryStream();
        await BundleArchive.PackAsync(new IdRange(Base), Source, tar, Stop);
        var supplier = WithLock(Locked, Locked.Text());
        var store = TestBundles.StoreAt(
            StorePath,
            Recipes(),
            supplier: supplier with
            {
                AskAsync = (_, _) => new(Offered with { Digest = linked.Digest, LockDigest = Locked.Digest }),
                OpenAsync = (digest, part, stop) =>
                    part switch
                    {
                        BundleSupplier.Manifest => new(Gzip(linked.Text.ToArray())),
                        BundleSupplier.Tree => new(Gzip(tar.ToArray())),
                        _ => supplier.OpenAsync(digest, part, stop),
                    },
            }
        );

        var refused = await Assert.ThrowsAsync<BundleException>(async () =>
            await store.GetAsync("far", new Heard(), Stop)
        );

        Assert.Contains("- var/lib/dpkg/status", refused.Message, StringComparison.Ordinal);
    }

    private static BundleLock Locked { get; } =
        new()
        {
            Bundle = "far",
            Suite = "bookworm",
            Architecture = "amd64",
            RecipeHash = new string('a', 64),
            Epoch = 1_795_227_046,
            Releases = [new("bookworm", 1_795_227_046, new string('b', 64))],
            Packages = [new("bash", "5.2", "amd64", "bookworm", "pool/main/bash.deb", 10, new string('c', 64), true)],
        };

    private BundleSupplier WithLock(BundleLock named, string? sent) =>
        Supplier(() => tree) with
        {
            AskAsync = (_, _) => new(Offered with { LockDigest = named.Digest }),
            OpenAsync = (digest, part, stop) =>
                part != BundleSupplier.Lock ? Supplier(() => tree).OpenAsync(digest, part, stop)
                : sent is null ? new((Stream?)null)
                : new(Gzip(Encoding.UTF8.GetBytes(sent))),
        };

    private BundleRecord Offered => new("far", manifest.Digest, "bookworm", "", 0, 1000, []);

    private BundleSupplier Supplier(Func<byte[]?> archive) =>
        new(
            (recipe, _) => new(recipe == "far" ? Offered : null),
            (digest, _) => new(digest == manifest.Digest ? Offered : null),
            (_, part, _) =>
            {
                if (part == BundleSupplier.Manifest)
                    return new(Gzip(manifest.Text.ToArray()));
                Interlocked.Increment(ref trees);
                return new(archive() is { } whole ? Gzip(whole) : new MemoryStream(Gzip(tree).ToArray()[..300]));
            }
        );

    private static MemoryStream Gzip(byte[] bytes)
    {
        var to = new MemoryStream();
        using (var gzip = new GZipStream(to, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(bytes);
        to.Position = 0;
        return to;
    }

    private static PaxTarEntry Plain(string name) =>
        new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.ASCII.GetBytes("evil")) };

    private static PaxTarEntry Link(string name, string target) =>
        new(TarEntryType.SymbolicLink, name) { LinkName = target };

    private static PaxTarEntry Hard(string name, string target) =>
        new(TarEntryType.HardLink, name) { LinkName = target };

    private void Shell(string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-ec", script]) { WorkingDirectory = Source })!;
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }

    private sealed class Heard : IProgress<BundleProgress>
    {
        public System.Collections.Concurrent.ConcurrentBag<string> Words { get; } = [];

        public void Report(BundleProgress value) => Words.Add(value.ToString());
    }
}
