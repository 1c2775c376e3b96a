using TestGrid.Runner.Git;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Git;

public sealed class SubmoduleTests : IDisposable
{
    private readonly GitWorld world = new();
    private readonly TestRepository origin;
    private readonly TestRepository library;

    public SubmoduleTests()
    {
        (origin, library) = (world.Repository(), world.Repository("library"));
        origin.Commit("first", ("a.txt", "a\n"));
        library.Commit("library", ("lib.txt", "lib\n"));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_submodule_beside_a_registered_path_is_checked_out_and_works()
    {
        var sha = origin.CommitSubmodule("library", "vendor/library", "../library", library.Head);

        await using var workspace = await CheckOutAsync(sha);

        var said = await GitWorld.InsideAsync(
            workspace,
            """
            cat vendor/library/lib.txt
            git status --porcelain
            git submodule status
            git -C vendor/library log --format=%s
            git -C vendor/library status --porcelain
            stat -c %u vendor/library/lib.txt .git/modules/library/config
            """,
            Stop
        );
        Assert.Equal($"lib\n {library.Head} vendor/library (heads/main)\nlibrary\n102000\n102000\n", said);
        // Linked, and still the mirror's own: not handed over with the tree.
        var objects = Path.Combine(workspace.TreePath, ".git/modules/library/objects");
        Assert.Contains(Directory.GetFiles(objects, "*", SearchOption.AllDirectories), file => file.Length > 0);
    }

    [Fact]
    public async Task Submodules_of_submodules_come_too()
    {
        using var deep = world.Repository("deep");
        deep.Commit("deep", ("deep.txt", "deep\n"));
        var middle = library.CommitSubmodule("deep", "deep", "../deep", deep.Head);
        var sha = origin.CommitSubmodule("library", "library", "../library", middle);

        await using var workspace = await CheckOutAsync(sha);

        var said = await GitWorld.InsideAsync(
            workspace,
            "cat library/deep/deep.txt; git -C library/deep log --format=%s",
            Stop
        );
        Assert.Equal("deep\ndeep\n", said);
    }

    [Fact]
    public async Task Without_submodules_asked_for_their_folders_are_empty()
    {
        var sha = origin.CommitSubmodule("library", "library", "ext::sh%20-c%20id", library.Head);

        await using var workspace = await CheckOutAsync(sha, submodules: false);

        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(workspace.TreePath, "library")));
    }

    [Theory]
    [InlineData("ext::sh%20-c%20id", "starts a program")]
    [InlineData("file:///etc", "file://")]
    [InlineData("/etc", "path of this machine")]
    [InlineData("../../../../etc", "is not fetched")]
    [InlineData("-oProxyCommand=id", "dash")]
    [InlineData("https://127.0.0.1/a/b.git", "private network")]
    [InlineData("https://[::1]/a/b.git", "private network")]
    [InlineData("ssh://git@10.0.0.1/a/b.git", "private network")]
    public async Task An_address_that_a_stranger_should_not_make_us_open_is_refused(string url, string says)
    {
        var sha = origin.CommitSubmodule("library", "library", url, library.Head);

        var refused = await Assert.ThrowsAsync<GitFetchException>(() => CheckOutAsync(sha));

        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.Contains("\"library\"", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../hooks")]
    [InlineData("a/../../b")]
    [InlineData("/etc/x")]
    [InlineData("-x")]
    public async Task A_submodules_name_is_no_way_out(string name)
    {
        var sha = origin.CommitSubmodule(name, "library", "../library", library.Head);

        var refused = await Assert.ThrowsAsync<GitFetchException>(() => CheckOutAsync(sha));

        Assert.Contains("not acceptable", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_submodules_commit_that_is_gone_is_told_as_such()
    {
        var sha = origin.CommitSubmodule("library", "library", "../library", new string('1', 40));

        var gone = await Assert.ThrowsAsync<CommitGoneException>(() => CheckOutAsync(sha));

        Assert.Contains(library.Path, gone.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        origin.Dispose();
        library.Dispose();
        world.Dispose();
    }

    private Task<Workspace> CheckOutAsync(string sha, bool submodules = true) =>
        world.Mirror.CheckOutAsync(GitWorld.Order(origin.Reference, sha, submodules), null, Stop).AsTask();
}
