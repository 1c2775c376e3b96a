using LibGit2Sharp;
using TestGrid.Runner.Git;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Git;

public sealed class HostileRepositoryTests : IDisposable
{
    private readonly GitWorld world = new(options => (options.MaxFiles, options.MaxTreeBytes) = (100, 1 << 20));
    private readonly TestRepository origin;

    public HostileRepositoryTests()
    {
        origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(".git")]
    [InlineData(".GIT")]
    [InlineData(".git ")]
    [InlineData(".git.")]
    [InlineData("git~1")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData(".g\u00e2\u0080\u008cit")] // a zero-width character, as UTF-8 bytes
    [InlineData(".git::$INDEX_ALLOCATION")]
    public async Task A_name_that_means_something_to_a_file_system_is_refused(string name)
    {
        var inner = origin.RawTree(("100755", "config", origin.Blob("[core]\n\tpager = id\n")));
        var sha = origin.CommitTree("bad", origin.RawTree(("40000", name, inner)));

        var refused = await Assert.ThrowsAsync<GitFetchException>(() => CheckOutAsync(sha));

        Assert.Contains("never checked out", refused.Message, StringComparison.Ordinal);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_link_and_a_folder_of_one_name_write_nothing_outside()
    {
        var outside = Directory.CreateDirectory(world.Path("outside")).FullName;
        var inner = origin.RawTree(("100644", "planted", origin.Blob("x")));
        var sha = origin.CommitTree(
            "bad",
            origin.RawTree(("120000", "a", origin.Blob(outside)), ("40000", "a", inner))
        );

        await Assert.ThrowsAsync<GitFetchException>(() => CheckOutAsync(sha));

        Assert.Empty(Directory.GetFileSystemEntries(outside));
        AssertNothingLeft();
    }

    [Fact]
    public async Task Links_out_of_the_tree_stay_links_and_what_they_name_keeps_its_owner()
    {
        var outside = world.Path("mine");
        await File.WriteAllTextAsync(outside, "mine", Stop);
        var sha = origin.CommitTree(
            "links",
            ("out", outside, Mode.SymbolicLink),
            ("zero", "/dev/zero", Mode.SymbolicLink),
            ("loop", "loop", Mode.SymbolicLink)
        );

        await using var workspace = await CheckOutAsync(sha);

        Assert.Equal(outside, new FileInfo(Path.Combine(workspace.TreePath, "out")).LinkTarget);
        var owners = await GitWorld.InsideAsync(workspace, $"stat -c %u out {outside}", Stop);
        Assert.Equal("102000\n0\n", owners);
    }

    [Fact]
    public async Task Too_many_files_or_bytes_are_refused_before_one_is_written()
    {
        var many = origin.RawTree([
            .. Enumerable.Range(0, 101).Select(i => ("100644", $"f{i:000}", (GitObject)origin.Blob("x"))),
        ]);
        var large = origin.RawTree(("100644", "large", origin.Blob(new string('x', (1 << 20) + 1))));

        var first = await Assert.ThrowsAsync<GitFetchException>(() => CheckOutAsync(origin.CommitTree("many", many)));
        var second = await Assert.ThrowsAsync<GitFetchException>(() =>
            CheckOutAsync(origin.CommitTree("large", large))
        );

        Assert.Contains("more than 100 files", first.Message, StringComparison.Ordinal);
        Assert.Contains("more than 1 MB", second.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_is_no_utf8_is_checked_out_and_can_be_cleaned_away()
    {
        var sha = origin.CommitTree("odd", origin.RawTree(("100644", "a\u00ffb", origin.Blob("x"))));

        var workspace = await CheckOutAsync(sha);

        Assert.Equal("", await GitWorld.InsideAsync(workspace, "git status --porcelain", Stop));
        await workspace.DisposeAsync();
        world.Time.Advance(TimeSpan.FromDays(30));
        await world.Mirror.CleanAsync(Stop);
        Assert.False(Directory.Exists(workspace.TreePath));
    }

    [Fact]
    public async Task Neither_hooks_nor_filters_of_a_repository_run()
    {
        var proof = world.Path("proof");
        var sha = origin.CommitTree(
            "filters",
            (".gitattributes", "* filter=evil\n", Mode.NonExecutableFile),
            ("a", "a", Mode.NonExecutableFile)
        );
        var hook = Path.Combine(origin.Path, ".git/hooks/post-checkout");
        Directory.CreateDirectory(Path.GetDirectoryName(hook)!);
        await File.WriteAllTextAsync(hook, $"#!/bin/sh\ntouch {proof}\n", Stop);
        File.SetUnixFileMode(hook, (UnixFileMode)0x1ED);
        await File.AppendAllTextAsync(
            Path.Combine(origin.Path, ".git/config"),
            $"[filter \"evil\"]\n\tsmudge = touch {proof}\n[core]\n\tfsmonitor = touch {proof}\n",
            Stop
        );

        await using var workspace = await CheckOutAsync(sha);

        Assert.False(File.Exists(proof));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(workspace.TreePath, ".git/hooks")));
        var config = await File.ReadAllTextAsync(Path.Combine(workspace.TreePath, ".git/config"), Stop);
        Assert.DoesNotContain("evil", config, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        origin.Dispose();
        world.Dispose();
    }

    private Task<Workspace> CheckOutAsync(string sha) =>
        world.Mirror.CheckOutAsync(GitWorld.Order(origin.Reference, sha), null, Stop).AsTask();

    private void AssertNothingLeft() =>
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(world.GitOptions.RootPath, "tmp")));
}
