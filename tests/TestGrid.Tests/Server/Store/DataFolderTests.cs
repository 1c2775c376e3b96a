using TestGrid.Server.Store;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Server.Store;

public sealed class DataFolderTests
{
    [Theory]
    [InlineData("TESTGRID_DATA=/a STATE_DIRECTORY=/b HOME=/h", true, "/a")]
    [InlineData("STATE_DIRECTORY=/b:/c HOME=/h", true, "/b")]
    [InlineData("HOME=/h", true, "/var/lib/testgrid")]
    [InlineData("HOME=/h XDG_DATA_HOME=/x", false, "/x/testgrid")]
    [InlineData("HOME=/h", false, "/h/.local/share/testgrid")]
    [InlineData("HOME=/h TESTGRID_DATA=", false, "/h/.local/share/testgrid")]
    public void It_lies_where_the_machine_keeps_such_things(string environment, bool root, string expected)
    {
        var set = environment.Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);

        Assert.Equal(expected, DataFolder.Usual(set.GetValueOrDefault, root));
    }

    [Fact]
    public void A_second_owner_is_told_who_the_first_is()
    {
        using var folder = new TempFolder();
        using (DataFolder.Open(folder.Path))
        {
            var refused = Assert.Throws<StoreException>(() => DataFolder.Open(folder.Path));
            Assert.Equal(
                $"The data folder {folder.Path} is in use by process {Environment.ProcessId}.",
                refused.Message
            );
        }

        using var next = DataFolder.Open(folder.Path); // given back
    }

    [Fact]
    public void Its_key_stays_the_same_and_is_for_its_owner_alone()
    {
        using var temp = new TempFolder();
        using var folder = DataFolder.Open(temp.Path);

        var key = folder.ReadOrMakeKey();

        Assert.Equal(32, key.Length);
        Assert.Equal(key, folder.ReadOrMakeKey());
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(temp.Path, "secrets.key"))
        );
    }

    [Fact]
    public void A_sealed_value_opens_only_in_its_place_and_with_its_key()
    {
        var box = new SecretBox(new byte[32]);
        var sealedValue = box.Seal("s3cret", "secret:1:A");

        Assert.Equal("s3cret", box.Open(sealedValue, "secret:1:A"));
        Assert.NotEqual(sealedValue, box.Seal("s3cret", "secret:1:A"));
        Assert.Throws<StoreException>(() => box.Open(sealedValue, "secret:2:A"));
        Assert.Throws<StoreException>(() => new SecretBox([1, .. new byte[31]]).Open(sealedValue, "secret:1:A"));
        Assert.Throws<StoreException>(() => box.Open(sealedValue[..10], "secret:1:A"));
        sealedValue[^1] ^= 1;
        Assert.Throws<StoreException>(() => box.Open(sealedValue, "secret:1:A"));
    }
}
