using TestGrid.Core.Builds;
using TestGrid.Runner.Git;

namespace TestGrid.Tests.Runner.Git;

public sealed class GitMirrorTests : IDisposable
{
    private readonly GitWorld world = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pull_requests_merge_is_found_when_it_is_of_that_head_and_checked_out_anywhere()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
        await world.Mirror.FindAsync(origin.Reference, null, null, Stop); // there before the pull request
        var head = origin.CommitTree("gone", ("a.txt", "from the pull request\n", LibGit2Sharp.Mode.NonExecutableFile));
        var pull = new PullRequest(7, "main", origin.Head, head, "topic", "you/it", IsFork: true);

        Assert.Null(await world.Mirror.FindMergeAsync(origin.Reference, pull, null, Stop));
        var merge = origin.Pull(7, head);
        var found = await world.Mirror.FindMergeAsync(origin.Reference, pull, null, Stop);
        var older = pull with { HeadSha = origin.Head };

        Assert.Equal(new CommitRef(merge, "refs/pull/7/merge", "gone", "Ada"), found! with { Message = "gone" });
        Assert.Equal("gone", found!.Message.TrimEnd());
        Assert.Null(await world.Mirror.FindMergeAsync(origin.Reference, older, null, Stop));
        // A runner that never planned it.
        var order = GitWorld.Order(origin.Reference, merge);
        order = order with { Trigger = order.Trigger with { PullRequest = pull } };
        using var other = new GitWorld();
        await using var workspace = await other.Mirror.CheckOutAsync(order, null, Stop);
        Assert.Equal(
            "from the pull request\n",
            await File.ReadAllTextAsync(Path.Combine(workspace.TreePath, "a.txt"), Stop)
        );
    }

    [Theory]
    [InlineData("side")]
    [InlineData("v1")]
    [InlineData(null)]
    public async Task A_name_is_a_branch_a_tag_or_a_commit(string? name)
    {
        using var origin = world.Repository();
        var sha = origin.Commit("first", ("a.txt", "a\n"));
        origin.Tag("v1");
        origin.Branch("side");

        Assert.Equal(sha, await world.Mirror.FindAsync(origin.Reference, name, null, Stop));
        Assert.Equal(sha, await world.Mirror.FindAsync(origin.Reference, sha, null, Stop));
        Assert.Null(await world.Mirror.FindAsync(origin.Reference, "none", null, Stop));
    }

    [Fact]
    public async Task A_commit_is_a_tree_whose_git_works_as_in_a_clone()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"), ("folder/b.txt", "b\n"));
        origin.Tag("v1");
        var sha = origin.Commit("second", ("a.txt", "aa\n"));
        origin.Branch("side");

        await using var workspace = await CheckOutAsync(origin.Reference, sha);

        Assert.Equal("aa\n", await File.ReadAllTextAsync(Path.Combine(workspace.TreePath, "a.txt"), Stop));
        var said = await GitWorld.InsideAsync(
            workspace,
            """
            git diff-files --quiet && echo "unchanged by its stat alone"
            git status --porcelain
            git log --format=%s
            git describe --tags
            git rev-parse HEAD
            git rev-parse --abbrev-ref HEAD
            git for-each-ref --format='%(refname)'
            git fsck 2>&1 | grep -v dangling | grep -v notice || :
            stat -c '%u:%g' . a.txt .git/config
            """,
            Stop
        );
        Assert.Equal(
            $"""
            unchanged by its stat alone
            second
            first
            v1-1-g{sha[..7]}
            {sha}
            HEAD
            refs/heads/main
            refs/heads/side
            refs/remotes/origin/main
            refs/remotes/origin/side
            refs/tags/v1
            102000:102000
            102000:102000
            102000:102000

            """,
            said
        );
    }

    [Fact]
    public async Task A_job_can_fetch_from_a_repository_that_is_a_folder_of_this_machine()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
        origin.Tag("v1");
        origin.Branch("side");
        var sha = origin.Commit("second", ("a.txt", "aa\n"));
        await using var workspace = await CheckOutAsync(origin.Reference, sha);

        var said = await GitWorld.InsideAsync(
            workspace,
            """
            git fetch -q --tags && git fetch -q origin side && git log -1 --format=%s FETCH_HEAD
            git ls-remote -q origin | cut -f2 | sort -u
            git status --porcelain
            """,
            Stop
        );

        Assert.Equal("first\nHEAD\nrefs/heads/main\nrefs/heads/side\nrefs/tags/v1\nrefs/tags/v1^{}\n", said);
    }

    [Fact]
    public async Task A_job_can_commit_and_change_files_and_git_sees_it_at_once()
    {
        using var origin = world.Repository();
        var sha = origin.Commit("first", ("a.txt", "a\n"));
        await using var workspace = await CheckOutAsync(origin.Reference, sha);

        var said = await GitWorld.InsideAsync(
            workspace,
            """
            printf 'b\n' >a.txt
            git status --porcelain
            git -c user.name=x -c user.email=x commit -qam 'mine'
            git log --format=%s
            """,
            Stop
        );

        Assert.Equal(" M a.txt\nmine\nfirst\n", said);
    }

    [Fact]
    public async Task Jobs_of_one_commit_share_one_tree_also_when_they_ask_at_once()
    {
        using var origin = world.Repository();
        var sha = origin.Commit("first", ("a.txt", "a\n"));
        var order = GitWorld.Order(origin.Reference, sha);

        var all = await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(_ => Task.Run(() => world.Mirror.CheckOutAsync(order, null, Stop).AsTask(), Stop))
        );

        Assert.Single(all.Select(workspace => workspace.TreePath).Distinct());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(world.GitOptions.RootPath, "tmp")));
    }

    [Fact]
    public async Task A_new_commit_is_fetched_and_a_known_one_needs_no_origin()
    {
        using var origin = world.Repository();
        var first = origin.Commit("first", ("a.txt", "a\n"));
        await using (await CheckOutAsync(origin.Reference, first)) { }
        var second = origin.Commit("second", ("a.txt", "b\n"));
        await using (var workspace = await CheckOutAsync(origin.Reference, second))
            Assert.Equal("b\n", await File.ReadAllTextAsync(Path.Combine(workspace.TreePath, "a.txt"), Stop));

        Directory.Move(origin.Path, origin.Path + "-gone");

        await using var again = await CheckOutAsync(origin.Reference, first, submodules: false);
        Assert.Equal("a\n", await File.ReadAllTextAsync(Path.Combine(again.TreePath, "a.txt"), Stop));
    }

    [Fact]
    public async Task A_commit_that_was_pushed_away_is_gone_with_a_reason()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
        await world.Mirror.BranchesAsync(origin.Reference, null, Stop);

        var gone = await Assert.ThrowsAsync<CommitGoneException>(() =>
            CheckOutAsync(origin.Reference, new string('1', 40))
        );
        var odd = await Assert.ThrowsAsync<CommitGoneException>(() => CheckOutAsync(origin.Reference, "main; id"));

        Assert.Contains("force-pushed away", gone.Message, StringComparison.Ordinal);
        Assert.Contains("not the name of a commit", odd.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_that_cannot_be_fetched_says_why()
    {
        var gone = new RepositoryRef(1, "local", "a/b", world.Path("nowhere"));
        var program = gone with { Url = "ext::sh%20-c%20id" };
        var ssh = gone with { Url = "git@localhost:a/b.git" };

        Assert.Contains("is not a git repository", (await FailAsync(gone)).Message, StringComparison.Ordinal);
        Assert.Contains("starts a program", (await FailAsync(program)).Message, StringComparison.Ordinal);
        Assert.Contains("no key", (await FailAsync(ssh)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_branch_is_resolved_to_where_it_stands_now()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
        origin.Branch("old");
        var second = origin.Commit("second", ("a.txt", "b\n"));

        var main = await world.Mirror.ResolveAsync(origin.Reference, null, null, Stop);
        Assert.Equal(new CommitRef(second, "refs/heads/main", "second\n", "Ada"), main);
        Assert.Null(await world.Mirror.ResolveAsync(origin.Reference, "none", null, Stop));

        var third = origin.Commit("third", ("a.txt", "c\n"));
        Assert.Equal(third, (await world.Mirror.ResolveAsync(origin.Reference, "main", null, Stop))!.Sha);
        Assert.Equal(
            ["main", "old"],
            (await world.Mirror.BranchesAsync(origin.Reference, null, Stop)).Select(branch => branch.Name).Order()
        );
    }

    [Fact]
    public async Task Without_a_name_it_is_the_branch_that_the_origin_calls_its_first()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
        origin.Branch("develop");
        await File.WriteAllTextAsync(Path.Combine(origin.Path, ".git/HEAD"), "ref: refs/heads/develop\n", Stop);

        Assert.Equal("refs/heads/develop", (await world.Mirror.ResolveAsync(origin.Reference, null, null, Stop))!.Ref);
    }

    [Fact]
    public async Task A_mirror_that_is_damaged_beyond_recognition_is_made_again()
    {
        using var origin = world.Repository();
        var sha = origin.Commit("first", ("a.txt", "a\n"));
        await world.Mirror.BranchesAsync(origin.Reference, null, Stop);
        var mirror = Directory.GetDirectories(Path.Combine(world.GitOptions.RootPath, "mirrors"))[0];
        File.Delete(Path.Combine(mirror, "repo.git", "HEAD"));

        await using var workspace = await CheckOutAsync(origin.Reference, sha);

        Assert.True(File.Exists(Path.Combine(workspace.TreePath, "a.txt")));
    }

    [Fact]
    public async Task A_branch_that_was_deleted_or_force_pushed_is_followed()
    {
        using var origin = world.Repository();
        var first = origin.Commit("first", ("a.txt", "a\n"));
        origin.Commit("second", ("a.txt", "b\n"));
        await world.Mirror.BranchesAsync(origin.Reference, null, Stop);

        origin.ResetTo(first);

        Assert.Equal(first, (await world.Mirror.ResolveAsync(origin.Reference, "main", null, Stop))!.Sha);
    }

    [Fact]
    public async Task A_configuration_is_read_as_a_blob_and_no_link_is_followed()
    {
        using var origin = world.Repository();
        var sha = origin.CommitTree(
            "odd",
            (".travis.yml", "language: c\n", LibGit2Sharp.Mode.NonExecutableFile),
            ("link.yml", "/etc/passwd", LibGit2Sharp.Mode.SymbolicLink),
            ("large.yml", new string('#', 300_000), LibGit2Sharp.Mode.NonExecutableFile),
            ("folder/x", "x", LibGit2Sharp.Mode.NonExecutableFile)
        );

        Assert.Equal(new GitFile.Text("language: c\n"), await ReadAsync(".travis.yml"));
        Assert.IsType<GitFile.Missing>(await ReadAsync(".testgrid.yml"));
        Assert.Contains(
            "link",
            Assert.IsType<GitFile.Refused>(await ReadAsync("link.yml")).Why,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "256 KB",
            Assert.IsType<GitFile.Refused>(await ReadAsync("large.yml")).Why,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "not a file",
            Assert.IsType<GitFile.Refused>(await ReadAsync("folder")).Why,
            StringComparison.Ordinal
        );

        async Task<GitFile> ReadAsync(string path) =>
            await world.Mirror.ReadFileAsync(origin.Reference, sha, path, null, Stop);
    }

    [Fact]
    public async Task Old_checkouts_go_and_those_in_use_stay()
    {
        using var origin = world.Repository();
        var first = origin.Commit("first", ("a.txt", "a\n"));
        var second = origin.Commit("second", ("a.txt", "b\n"));
        await using var used = await CheckOutAsync(origin.Reference, first);
        string unused;
        await using (var workspace = await CheckOutAsync(origin.Reference, second))
            unused = workspace.TreePath;

        world.Time.Advance(world.GitOptions.KeepTrees + TimeSpan.FromMinutes(1));
        await world.Mirror.CleanAsync(Stop);

        Assert.True(Directory.Exists(used.TreePath));
        Assert.False(Directory.Exists(unused));
        world.Time.Advance(world.GitOptions.KeepMirrors);
        await world.Mirror.CleanAsync(Stop);
        Assert.True(Directory.Exists(used.ObjectsPath));
        await used.DisposeAsync();
        await world.Mirror.CleanAsync(Stop);
        Assert.False(Directory.Exists(used.TreePath));
        Assert.False(Directory.Exists(used.ObjectsPath));
    }

    [Fact]
    public async Task Checkouts_over_their_bytes_go_the_least_recently_used_first()
    {
        using var origin = world.Repository();
        var shas = new List<string>();
        var paths = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            shas.Add(origin.Commit($"{i}", ($"file{i}", new string('x', 100_000))));
            await using var workspace = await CheckOutAsync(origin.Reference, shas[i]);
            paths.Add(workspace.TreePath);
            world.Time.Advance(TimeSpan.FromMinutes(1));
        }
        await using (await CheckOutAsync(origin.Reference, shas[0])) { } // used again
        world.Time.Advance(TimeSpan.FromMinutes(1));

        // They have 100, 200 and 300 kB: the third must go as well as the second.
        world.GitOptions.MaxTreesBytes = 150_000;
        await world.Mirror.CleanAsync(Stop);

        Assert.Equal([true, false, false], paths.Select(Directory.Exists));
    }

    [Fact]
    public async Task Mirrors_over_their_bytes_go_the_least_recently_used_first_and_come_back()
    {
        using var one = world.Repository("one");
        using var two = world.Repository("two");
        var (first, second) = (one.Commit("1", ("file", Noise())), two.Commit("2", ("file", Noise())));
        string older;
        string newer;
        await using (var workspace = await CheckOutAsync(one.Reference, first))
            older = workspace.ObjectsPath!;
        world.Time.Advance(TimeSpan.FromMinutes(10));
        await using var used = await CheckOutAsync(two.Reference, second);
        newer = used.ObjectsPath!;
        world.GitOptions.MaxMirrorsBytes = 300_000; // each has 200 kB of noise and a little more

        await world.Mirror.CleanAsync(Stop);
        Assert.True(Directory.Exists(older), "it was wanted a moment ago");
        world.Time.Advance(TimeSpan.FromMinutes(55));
        await world.Mirror.CleanAsync(Stop);

        Assert.Equal((false, true), (Directory.Exists(older), Directory.Exists(newer)));
        await using (var again = await CheckOutAsync(one.Reference, first))
            Assert.True(File.Exists(Path.Combine(again.TreePath, "file")));
        // One that is too large alone goes, but not while a job uses its checkout.
        world.GitOptions.MaxMirrorsBytes = 1000;
        world.Time.Advance(TimeSpan.FromHours(2));
        await world.Mirror.CleanAsync(Stop);
        Assert.Equal((false, true), (Directory.Exists(older), Directory.Exists(newer)));
        await used.DisposeAsync();
        await world.Mirror.CleanAsync(Stop);
        Assert.False(Directory.Exists(newer));

        static string Noise() =>
            Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(200_000));
    }

    [Fact]
    public async Task What_a_killed_checkout_has_left_is_swept_and_what_is_in_hand_is_not()
    {
        var left = Directory.CreateDirectory(Path.Combine(world.GitOptions.RootPath, "tmp", "left")).FullName;
        var hand = Directory.CreateDirectory(Path.Combine(world.GitOptions.RootPath, "tmp", "hand")).FullName;
        var keys = Directory.CreateDirectory(Path.Combine(world.GitOptions.RootPath, "keys", "x")).FullName;
        await using var held = new FileStream(hand + ".lock", FileMode.Create, FileAccess.ReadWrite, FileShare.None);

        await world.NewMirror().SweepAsync(Stop);

        Assert.False(Directory.Exists(left));
        Assert.False(Directory.Exists(keys));
        Assert.True(Directory.Exists(hand));
    }

    [Fact]
    public void A_credential_is_not_told_by_its_text()
    {
        Assert.DoesNotContain("hush", new GitCredential.Password("me", "hush").ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hush", new GitCredential.SshKey("hush", "hosts").ToString(), StringComparison.Ordinal);
    }

    public void Dispose() => world.Dispose();

    private Task<Workspace> CheckOutAsync(RepositoryRef repository, string sha, bool submodules = true) =>
        world.Mirror.CheckOutAsync(GitWorld.Order(repository, sha, submodules), null, Stop).AsTask();

    private Task<GitFetchException> FailAsync(RepositoryRef repository) =>
        Assert.ThrowsAsync<GitFetchException>(() => CheckOutAsync(repository, new string('1', 40)));
}
