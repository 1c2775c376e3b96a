using System.Collections.Immutable;
using System.Diagnostics;
using System.Formats.Tar;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Layers;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner;

/// <summary>The store of app layers: whole or not there, one of two, within its bounds.</summary>
public sealed class LayerStoreTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
    private readonly BundleOptions options;

    public LayerStoreTests() =>
        options = new BundleOptions { RootPath = Path.Combine(folder.Path, "store"), FreeBytes = 0 };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Layers => Path.Combine(options.RootPath, "layers");

    [Fact]
    public async Task What_was_kept_is_found_by_what_it_was_made_from_and_by_nothing_else()
    {
        var kept = await KeepAsync(NewStore(), "a", "text");

        await using var found = await NewStore().FindAsync(Inputs("a"), Stop);
        Assert.Equal(kept.Digest, found!.Record.Digest);
        Assert.Equal("text", await File.ReadAllTextAsync(Path.Combine(found.RootPath, "u0/file"), Stop));
        Assert.Null(await NewStore().FindAsync(Inputs("b"), Stop));
        Assert.Equal(["lock changed"], Inputs("b").DifferencesTo(NewStore().LastOf("lane")!.Inputs));
    }

    [Fact]
    public async Task Of_two_that_are_made_from_the_same_the_first_one_stays()
    {
        var (one, other) = (NewStore(), NewStore());
        var first = await KeepAsync(one, "a", "first");
        await KeepAsync(other, "a", "second");

        await using var found = await other.FindAsync(Inputs("a"), Stop);
        Assert.Equal(first.Digest, found!.Record.Digest);
        Assert.Single(one.List());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Layers, "tmp")));
    }

    [Fact]
    public async Task Half_a_layer_is_not_there_and_swept()
    {
        var store = NewStore();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            store.KeepAsync(
                Draft("a"),
                async (output, _) =>
                {
                    await output.WriteAsync(Tar("half").AsMemory(0, 700), Stop);
                    await cancel.CancelAsync();
                    cancel.Token.ThrowIfCancellationRequested();
                },
                _ => { },
                cancel.Token
            )
        );
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Layers, "tmp")));

        // As a kill leaves it: a folder whose lock nobody holds, with files of the range's.
        var left = Directory.CreateDirectory(Path.Combine(Layers, "tmp", "0123")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(left, "archive"), Tar("half"), Stop);
        Directory.CreateDirectory(Path.Combine(left, "tree/root/u0"));
        await File.WriteAllTextAsync(left + ".lock", "", Stop);
        Assert.Empty(store.List());
        Assert.Null(await store.FindAsync(Inputs("a"), Stop));

        await store.CleanAsync(Stop);

        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Layers, "tmp")));
    }

    [Fact]
    public async Task A_layer_that_is_not_what_it_was_is_removed_before_anybody_uses_it()
    {
        var kept = await KeepAsync(NewStore(), "a", "text");
        await File.WriteAllTextAsync(Path.Combine(Layers, "trees", kept.Digest.Hex, "root/u0/file"), "evil", Stop);

        // As after the machine's next start.
        await File.WriteAllTextAsync(Path.Combine(Layers, "trees", kept.Digest.Hex, "checked"), "another start", Stop);

        Assert.Null(await NewStore().FindAsync(Inputs("a"), Stop));
        Assert.Empty(NewStore().List());
        await KeepAsync(NewStore(), "a", "text");
        await using var again = await NewStore().FindAsync(Inputs("a"), Stop);
        Assert.NotNull(again);
    }

    [Fact]
    public async Task The_least_recently_used_go_first_and_none_that_is_in_use()
    {
        var store = NewStore();
        foreach (var name in new[] { "a", "b", "c" })
        {
            await KeepAsync(store, name, new string('x', 100_000) + name);
            await using var used = await store.FindAsync(Inputs(name), Stop);
            time.Advance(TimeSpan.FromHours(1));
        }
        await using var held = await store.FindAsync(Inputs("a"), Stop);
        options.LayersMaxBytes = 250_000;

        Assert.InRange(await store.CleanAsync(Stop), 100_000, 120_000);
        Assert.Equal(["c", "a"], store.List().Select(one => one.Inputs.Parts["lock"]));

        time.Advance(options.KeepUnused + TimeSpan.FromMinutes(1));
        await store.CleanAsync(Stop);
        Assert.Equal(["a"], store.List().Select(one => one.Inputs.Parts["lock"]));
        Assert.True(Directory.Exists(held!.RootPath));
    }

    [Fact]
    public async Task Other_users_of_the_machine_do_not_pass_to_what_a_job_made()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can look as somebody else.");
        var kept = await KeepAsync(NewStore(), "a", "text");
        var file = Path.Combine(Layers, "trees", kept.Digest.Hex, "root/u0/file");
        using var look = Process.Start(
            "setpriv",
            ["--reuid", "64333", "--regid", "64333", "--clear-groups", "cat", file]
        );
        await look.WaitForExitAsync(Stop);

        Assert.NotEqual(0, look.ExitCode);
    }

    [Fact]
    public async Task An_archive_that_is_none_or_holds_a_device_is_refused_and_leaves_nothing()
    {
        var store = NewStore();
        foreach (var bytes in new[] { "no tar at all, and long enough to be looked at"u8.ToArray(), TarWithDisk() })
        {
            var refused = await Assert.ThrowsAsync<LayerException>(() => KeepAsync(store, "a", bytes));
            Assert.NotEmpty(refused.Message);
        }
        Assert.Empty(store.List());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Layers, "tmp")));
    }

    [Fact]
    public void A_tar_that_lies_about_itself_is_refused_in_words_and_nothing_else()
    {
        var whole = Tar(new string('x', 3000));
        var dice = new Random(7);
        var refused = 0;
        for (var i = 0; i < 2000; i++)
        {
            var bytes = whole[..(i % 3 == 0 ? dice.Next(whole.Length) : whole.Length)];
            for (var change = dice.Next(6); change > 0 && bytes.Length > 0; change--)
                bytes[dice.Next(Math.Min(bytes.Length, 3072))] = (byte)dice.Next(256);
            using var tar = new MemoryStream(bytes);
            try
            {
                LayerCheck.OnlyAdds(tar, "u0", folder.Path);
            }
            catch (LayerException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 2000);
    }

    public void Dispose() => folder.Dispose();

    private LayerStore NewStore() => new(Options.Create(options), time);

    private static LayerInputs Inputs(string of) =>
        new("lane", ImmutableSortedDictionary<string, string>.Empty.Add("lock", of).Add("scope", "own"));

    private static LayerRecord Draft(string of) =>
        new(BundleDigest.Of(new byte[32]), Inputs(of), "github.com/own/project", "1.1", 0, default);

    private static Task<LayerRecord> KeepAsync(LayerStore store, string of, string text) =>
        KeepAsync(store, of, Tar(text));

    private static Task<LayerRecord> KeepAsync(LayerStore store, string of, byte[] tar) =>
        store.KeepAsync(Draft(of), (output, stop) => output.WriteAsync(tar, stop), _ => { }, Stop);

    // As a sandbox writes it: by the same words.
    private static byte[] Tar(string text)
    {
        using var source = new TempFolder();
        Directory.CreateDirectory(Path.Combine(source.Path, "u0"));
        File.WriteAllText(Path.Combine(source.Path, "u0/file"), text);
        string[] words = [.. LayerArchive.PackWords(source.Path, ["u0"], [])];
        using var tar = Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true })!;
        using var bytes = new MemoryStream();
        tar.StandardOutput.BaseStream.CopyTo(bytes);
        tar.WaitForExit();
        return bytes.ToArray();
    }

    private static byte[] TarWithDisk()
    {
        using var bytes = new MemoryStream();
        using (var writer = new TarWriter(bytes, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "u0/"));
            writer.WriteEntry(
                new PaxTarEntry(TarEntryType.BlockDevice, "u0/disk") { DeviceMajor = 254, DeviceMinor = 0 }
            );
        }
        return bytes.ToArray();
    }
}
