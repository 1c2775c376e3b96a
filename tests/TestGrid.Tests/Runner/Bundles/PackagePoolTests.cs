using System.Formats.Tar;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class PackagePoolTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly SyntheticMirror mirror;

    public PackagePoolTests() => mirror = new(Path.Combine(folder.Path, "mirror"));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Work => Directory.CreateDirectory(Path.Combine(folder.Path, "work")).FullName;

    private string Root => Path.Combine(folder.Path, "store");

    [Fact]
    public async Task Packages_are_fetched_once_and_then_need_no_mirror()
    {
        var wanted = SyntheticMirror.Lock(
            await mirror.AddAsync("one", "1.0", Stop),
            await mirror.AddAsync("c++", "2+b1", Stop)
        );
        var pool = mirror.Pool(Root);
        var heard = (0, 0);

        await pool.FetchAsync(wanted, Work, (done, all) => heard = (done, all), Stop);
        Directory.Delete(Path.Combine(folder.Path, "mirror"), recursive: true);
        await pool.FetchAsync(wanted, Work, (_, _) => Assert.Fail("Nothing is to be fetched."), Stop);

        Assert.Equal((2, 2), heard);
        Assert.Empty(await pool.MissingAsync(wanted, Stop));
    }

    [Fact]
    public async Task What_a_mirror_has_forgotten_or_serves_otherwise_is_named()
    {
        var (gone, lies) = (await mirror.AddAsync("gone", "1.0", Stop), await mirror.AddAsync("lies", "1.0", Stop));
        var here = await mirror.AddAsync("here", "1.0", Stop);
        File.Delete(mirror.PathOf(gone));
        await File.WriteAllBytesAsync(mirror.PathOf(lies), new byte[lies.Size], Stop);
        var pool = mirror.Pool(Root);

        var thrown = await Assert.ThrowsAsync<ForgottenPackagesException>(() =>
            pool.FetchAsync(SyntheticMirror.Lock(gone, lies, here), Work, (_, _) => { }, Stop)
        );

        Assert.Equal([gone, lies], thrown.Packages);
        Assert.Contains("gone 1.0 (all), lies 1.0 (all)", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("Bundles:ArchiveMirrors", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("testgrid bundle update tiny", thrown.Message, StringComparison.Ordinal);
        Assert.Equal([here.Sha256], pool.Files().Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_security_update_that_moved_into_the_main_archive_is_found_there()
    {
        var moved = await mirror.AddAsync("moved", "1.0+deb11u1", Stop);
        var wanted = SyntheticMirror.Lock(
            moved with
            {
                Archive = "bookworm-security",
                Path = moved.Path.Replace("pool/", "pool/updates/", StringComparison.Ordinal),
            }
        );
        var pool = mirror.Pool(Root);

        await pool.FetchAsync(wanted, Work, (_, _) => { }, Stop);

        Assert.Equal([moved.Sha256], pool.Files().Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_mirror_that_does_not_answer_has_forgotten_nothing()
    {
        var package = await mirror.AddAsync("one", "1.0", Stop);
        using var closed = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        closed.Start();
        var port = ((System.Net.IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        var options = new BundleOptions
        {
            RootPath = Root,
            Mirrors = { $"deb http://127.0.0.1:{port}/debian {{suite}} main" },
        };
        var pool = new PackagePool(options, new AptSources(Options.Create(options)), TimeProvider.System);

        var thrown = await Assert.ThrowsAnyAsync<BundleException>(() =>
            pool.FetchAsync(SyntheticMirror.Lock(package), Work, (_, _) => { }, Stop)
        );

        Assert.IsNotType<ForgottenPackagesException>(thrown);
        Assert.Contains("one 1.0 (all)", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("apt-get update", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_the_pool_that_was_cut_or_changed_is_fetched_again()
    {
        var (cut, changed) = (await mirror.AddAsync("cut", "1.0", Stop), await mirror.AddAsync("changed", "1.0", Stop));
        var wanted = SyntheticMirror.Lock(cut, changed);
        var pool = mirror.Pool(Root);
        await pool.FetchAsync(wanted, Work, (_, _) => { }, Stop);
        await using (var file = File.OpenWrite(pool.FileOf(cut.Sha256)))
            file.SetLength(100);
        await using (var file = File.OpenWrite(pool.FileOf(changed.Sha256)))
            file.WriteByte(0);

        Assert.Equal([changed, cut], await pool.MissingAsync(wanted, Stop));
        Assert.Equal(2, pool.Files().Count()); // a lock's word alone removes nothing
        await pool.FetchAsync(wanted, Work, (_, _) => { }, Stop);

        Assert.Empty(await pool.MissingAsync(wanted, Stop));
    }

    [Fact]
    public async Task A_lock_that_calls_a_package_what_it_is_not_is_refused()
    {
        var package = await mirror.AddAsync("one", "1.0", Stop);
        var pool = mirror.Pool(Root);
        var lie = SyntheticMirror.Lock(package with { Name = "openssl" });
        await pool.FetchAsync(lie, Work, (_, _) => { }, Stop);

        var thrown = await Assert.ThrowsAsync<BundleException>(() =>
            LocalRepository.MakeAsync(lie, pool, Path.Combine(folder.Path, "repository"), Stop)
        );

        Assert.Contains("The lock lies about openssl 1.0", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pool_travels_as_a_tar_and_nothing_else_does()
    {
        var wanted = SyntheticMirror.Lock(
            await mirror.AddAsync("one", "1.0", Stop),
            await mirror.AddAsync("two", "2", Stop)
        );
        var (here, there) = (mirror.Pool(Root), mirror.Pool(Path.Combine(folder.Path, "other")));
        await here.FetchAsync(wanted, Work, (_, _) => { }, Stop);
        using var tar = new MemoryStream();

        Assert.Equal(2, await PoolArchive.WriteAsync(here, wanted.Hashes, tar, Stop));
        tar.Position = 0;
        Assert.Equal(2, await PoolArchive.ReadAsync(there, folder.Path, tar, Stop));

        Assert.Empty(await there.MissingAsync(wanted, Stop));
        using var again = new MemoryStream();
        await PoolArchive.WriteAsync(there, wanted.Hashes, again, Stop);
        Assert.Equal(tar.ToArray(), again.ToArray());
    }

    [Theory]
    [InlineData("../../etc/cron.d/x", TarEntryType.RegularFile)]
    [InlineData("sha256/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TarEntryType.RegularFile)]
    [InlineData("sha256/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TarEntryType.SymbolicLink)]
    public async Task An_archive_that_lies_changes_nothing(string name, TarEntryType type)
    {
        using var tar = new MemoryStream();
        await using (var writer = new TarWriter(tar, TarEntryFormat.Ustar, leaveOpen: true))
        {
            var entry = new UstarTarEntry(type, name);
            if (type == TarEntryType.RegularFile)
                entry.DataStream = new MemoryStream("root"u8.ToArray());
            else
                entry.LinkName = "/etc/passwd";
            await writer.WriteEntryAsync(entry, Stop);
        }
        tar.Position = 0;
        var pool = mirror.Pool(Root);
        var root = Directory.CreateDirectory(Root).FullName;

        await Assert.ThrowsAsync<BundleException>(() => PoolArchive.ReadAsync(pool, root, tar, Stop));

        Assert.Empty(Directory.GetFileSystemEntries(root));
    }

    [Fact]
    public void The_locks_that_we_ship_belong_to_their_recipes()
    {
        var options = Options.Create(new BundleOptions { RootPath = Root });
        var locks = new BundleLocks(options, new AptSources(options), TimeProvider.System);

        Assert.NotEmpty(locks.Recipes);
        Assert.All(locks.Recipes, recipe => Assert.Equal(locks.RecipeHashOf(recipe), locks.Find(recipe)?.RecipeHash));
    }

    public void Dispose() => folder.Dispose();
}
