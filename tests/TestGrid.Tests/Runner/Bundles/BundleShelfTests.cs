using TestGrid.Runner.Bundles;
using TestGrid.Runner.Files;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>The folder for builds in memory stands where anybody may make one of its name.</summary>
public sealed class BundleShelfTests : IDisposable
{
    private const int Stranger = 65534;

    private readonly TempFolder folder = new();
    private readonly BundleShelf shelf;

    public BundleShelfTests()
    {
        var options = new BundleOptions { RootPath = folder.Path, FreeBytes = 1 };
        shelf = new BundleShelf(options, new LockShelf(options), TimeProvider.System);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        if (Directory.Exists(shelf.InMemory))
            Directory.Delete(shelf.InMemory, recursive: true);
        folder.Dispose();
    }

    [Fact]
    public async Task What_a_killed_build_left_in_memory_is_swept()
    {
        var (left, held) = shelf.BeginInMemory("base")!.Value;
        await held.DisposeAsync();

        Assert.Equal(1, await shelf.SweepAsync(Stop));
        Assert.False(Directory.Exists(left));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_folder_in_memory_that_others_write_to_is_neither_used_nor_looked_into(bool another)
    {
        Directory.CreateDirectory(Path.Combine(shelf.InMemory, "base-1"));
        if (another)
            Posix.GiveTo(shelf.InMemory, Stranger, Stranger);
        else
            File.SetUnixFileMode(shelf.InMemory, (UnixFileMode)0x1FF); // 0777

        Assert.Null(shelf.BeginInMemory("base"));
        Assert.Equal(0, await shelf.SweepAsync(Stop));
        Assert.Equal([Path.Combine(shelf.InMemory, "base-1")], Directory.GetFileSystemEntries(shelf.InMemory));
    }

    [Fact]
    public async Task A_link_in_its_place_leads_nowhere()
    {
        var target = Directory.CreateDirectory(Path.Combine(folder.Path, "target", "base-1")).Parent!.FullName;
        File.CreateSymbolicLink(shelf.InMemory, target);
        try
        {
            Assert.Null(shelf.BeginInMemory("base"));
            Assert.Equal(0, await shelf.SweepAsync(Stop));
            Assert.Equal([Path.Combine(target, "base-1")], Directory.GetFileSystemEntries(target));
        }
        finally
        {
            File.Delete(shelf.InMemory);
        }
    }
}
