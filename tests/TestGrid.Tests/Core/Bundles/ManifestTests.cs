using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Core.Bundles;

public sealed class ManifestTests
{
    private const string Abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    [Fact]
    public void Each_path_is_a_line_and_lines_are_in_the_order_of_the_paths_bytes()
    {
        var manifest = Manifest.Of([
            Entry("usr/b", 'l', 0x1FF, 0, "../x"),
            Entry("usr/a", 'f', 0x1A4, 3, Abc),
            Entry("usr", 'd', 0x1ED, 0, "-"),
            Entry("usr-x", 'c', 0x1B0, 0, "5:1"),
            Entry("usr/B", 'f', 0x9ED, 3, Abc) with
            {
                Owner = (0, 42),
                Capability = new byte[] { 1, 0xAB },
            },
        ]);

        var text = $"""
            d 0755 0 0 0 - usr
            c 0660 0 0 0 5:1 usr-x
            f 4755 0 42 3 {Abc} usr/B cap=01ab
            f 0644 0 0 3 {Abc} usr/a
            l 0777 0 0 0 ../x usr/b

            """;
        Assert.Equal(text, Encoding.UTF8.GetString(manifest.Text.Span));
        Assert.Equal(BundleDigest.Of(SHA256.HashData(Encoding.UTF8.GetBytes(text))), manifest.Digest);
        Assert.Equal(6, manifest.Bytes);
    }

    [Fact]
    public void A_name_cannot_forge_a_line()
    {
        var manifest = Manifest.Of([Entry("a\nf 0644\\\u007f", 'd', 0x1ED, 0, "-")]);

        Assert.Equal("d 0755 0 0 0 - a\\012f 0644\\134\\177\n", Encoding.UTF8.GetString(manifest.Text.Span));
    }

    [Theory]
    [InlineData("etc/hosts")]
    [InlineData("etc/hostname")]
    [InlineData("etc/resolv.conf")]
    [InlineData(".dockerenv")]
    [InlineData("dev")]
    [InlineData("dev/null")]
    [InlineData("proc")]
    [InlineData("sys")]
    [InlineData("run/lock/x")]
    [InlineData("tmp/x")]
    public void What_an_engine_makes_itself_says_nothing_about_a_bundle(string path) =>
        Assert.Equal(Manifest.Of([]).Digest, Manifest.Of([Entry(path, 'd', 0x1ED, 0, "-")]).Digest);

    [Theory]
    [InlineData("etc/hosts.allow")]
    [InlineData("etc/hosts/x")]
    [InlineData("device")]
    [InlineData("var/tmp/x")]
    [InlineData("usr/dev")]
    public void What_only_looks_like_it_counts(string path) =>
        Assert.NotEqual(Manifest.Of([]).Digest, Manifest.Of([Entry(path, 'd', 0x1ED, 0, "-")]).Digest);

    [Fact]
    public void Differences_are_told_from_both_sides()
    {
        var one = Manifest.Of([Entry("same", 'd', 0x1ED, 0, "-"), Entry("a", 'f', 0x1A4, 3, Abc)]);
        var other = Manifest.Of([Entry("same", 'd', 0x1ED, 0, "-"), Entry("a", 'f', 0x1A4, 4, Abc)]);

        Assert.Equal([$"- f 0644 0 0 3 {Abc} a", $"+ f 0644 0 0 4 {Abc} a"], one.DifferencesTo(other, 10));
        Assert.Single(one.DifferencesTo(other, 1));
        Assert.Empty(one.DifferencesTo(Manifest.Parse(one.Text.Span), 10));
    }

    private static ManifestEntry Entry(string path, char type, int mode, long size, string value) =>
        new(Encoding.UTF8.GetBytes(path), type, mode, (0, 0), size, Encoding.UTF8.GetBytes(value));
}
