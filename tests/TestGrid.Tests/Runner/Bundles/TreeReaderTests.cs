using System.Diagnostics;
using System.Text;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class TreeReaderTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void A_tree_reads_as_its_manifest()
    {
        Shell(
            """
            umask 022
            mkdir -p usr/bin etc dev
            printf abc >usr/bin/tool && chmod 4755 usr/bin/tool
            ln -s ../usr/bin/tool etc/link
            mkfifo -m 0600 etc/pipe
            printf x >etc/hosts
            printf x >dev/null
            chown -hR 100000:100042 . && chmod 4755 usr/bin/tool
            """
        );

        var manifest = TreeReader.Read(folder.Path, 100_000, Stop);

        Assert.Equal(
            """
            d 0755 0 42 0 - etc
            l 0777 0 42 0 ../usr/bin/tool etc/link
            p 0600 0 42 0 - etc/pipe
            d 0755 0 42 0 - usr
            d 0755 0 42 0 - usr/bin
            f 4755 0 42 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad usr/bin/tool

            """,
            Encoding.UTF8.GetString(manifest.Text.Span)
        );
    }

    [Fact]
    public void A_name_that_is_no_utf8_and_a_link_to_nowhere_are_read_as_they_are()
    {
        Shell("""touch "$(printf 'a\377b')"; ln -s /nowhere/at/all gone; chown -hR 100000:100000 .""");

        var text = Encoding.Latin1.GetString(TreeReader.Read(folder.Path, 100_000, Stop).Text.Span);

        Assert.Contains(" a\u00ffb\n", text, StringComparison.Ordinal);
        Assert.Contains("l 0777 0 0 0 /nowhere/at/all gone\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_ordinary_user_reads_the_same_of_what_the_ranges_root_packs()
    {
        Shell(
            """
            long=$(printf '%0120d' 7)
            mkdir -p usr/bin dev etc "usr/$long/$long" empty
            printf abc >usr/bin/tool && chmod 4755 usr/bin/tool && ln usr/bin/tool usr/bin/also
            head -c 70000 /dev/zero >"usr/$long/$long/file"
            ln -s "../$long" "usr/$long/link"; ln -s tool usr/bin/link
            mkfifo -m 0600 etc/pipe; : >etc/hosts; : >dev/null; : >etc/none
            touch "$(printf 'a\377b')" "$(printf 'c\nd')"
            printf x >etc/secret; chmod 0000 etc/secret; chmod 0700 empty
            chown -hR 100000:100042 . && chmod 4755 usr/bin/tool
            """
        );

        var packed = await PackedTree.ReadAsync(new IdRange(100_000), folder.Path, Stop);

        var text = Encoding.Latin1.GetString(packed.Text.Span);
        Assert.Equal(Encoding.Latin1.GetString(TreeReader.Read(folder.Path, 100_000, Stop).Text.Span), text);
        Assert.Contains("f 4755 0 42 3 ", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Neither_times_nor_hard_links_change_the_digest()
    {
        Shell("printf a >one; cp one two; chown -hR 100000:100000 .");
        var before = TreeReader.Read(folder.Path, 100_000, Stop).Digest;

        Shell("ln -f one two; touch -d 2001-01-01 one");

        Assert.Equal(before, TreeReader.Read(folder.Path, 100_000, Stop).Digest);
    }

    [Fact]
    public void A_file_that_belongs_to_nobody_inside_is_refused()
    {
        Shell("touch mine; chown 0:0 mine");

        var refused = Assert.Throws<BundleException>(() => TreeReader.Read(folder.Path, 100_000, Stop));

        Assert.Contains("mine belongs to 0", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private void Shell(string script)
    {
        using var shell = Process.Start(
            new ProcessStartInfo("sh", ["-ec", script]) { WorkingDirectory = folder.Path }
        )!;
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }
}
