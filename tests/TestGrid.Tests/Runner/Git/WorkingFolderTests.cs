using System.Diagnostics;
using Microsoft.Extensions.Options;
using TestGrid.Core.Builds;
using TestGrid.Runner.Git;

namespace TestGrid.Tests.Runner.Git;

public sealed class WorkingFolderTests : IDisposable
{
    private readonly GitWorld world = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_work_tree_is_tested_as_it_stands()
    {
        using var origin = world.Repository();
        origin.Commit(
            "first",
            ("a.txt", "a\n"),
            ("gone.txt", "x\n"),
            (".gitignore", "*.o\n"),
            ("run.sh", "#!/bin/sh\n")
        );
        Write("a.txt", "changed\n");
        Write("new/file.txt", "new\n");
        Write("junk.o", "junk\n");
        File.Delete(Path.Combine(origin.Path, "gone.txt"));
        File.CreateSymbolicLink(Path.Combine(origin.Path, "link"), "a.txt");
        File.SetUnixFileMode(Path.Combine(origin.Path, "run.sh"), (UnixFileMode)0x1ED);
        Process.Start("mkfifo", Path.Combine(origin.Path, "pipe")).WaitForExit();

        string tree;
        await using (var source = Source(Path.Combine(origin.Path, "new")))
        {
            await using var workspace = await CheckOutAsync(source);
            tree = workspace.TreePath;
            var said = await GitWorld.InsideAsync(
                workspace,
                "git status --porcelain; git log --format=%s; cat a.txt; readlink link; ls; ./run.sh; stat -c %u a.txt",
                Stop
            );
            Assert.Equal(
                " M a.txt\n D gone.txt\n M run.sh\n?? link\n?? new/\nfirst\n"
                    + "changed\na.txt\na.txt\nlink\nnew\nrun.sh\n102000\n",
                said
            );
        }

        Assert.False(Directory.Exists(tree));
        Assert.Equal("changed\n", await File.ReadAllTextAsync(Path.Combine(origin.Path, "a.txt"), Stop));

        void Write(string path, string text)
        {
            var full = Path.Combine(origin.Path, path);
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            File.WriteAllText(full, text);
        }
    }

    [Fact]
    public async Task All_jobs_of_a_run_see_the_same_and_the_users_own_objects_keep_their_owner()
    {
        using var origin = world.Repository();
        origin.Commit("first", ("a.txt", "a\n"));
        await using var source = Source(origin.Path);

        await using var one = await CheckOutAsync(source);
        await File.WriteAllTextAsync(Path.Combine(origin.Path, "a.txt"), "later\n", Stop);
        await using var two = await CheckOutAsync(source);

        Assert.Equal(one.TreePath, two.TreePath);
        Assert.Equal("a\n", await File.ReadAllTextAsync(Path.Combine(two.TreePath, "a.txt"), Stop));
        var owners = await GitWorld.InsideAsync(
            one,
            $"find {origin.Path}/.git/objects -type f -exec stat -c %u {{}} + | sort -u",
            Stop
        );
        Assert.Equal("0\n", owners);
    }

    [Fact]
    public async Task A_folder_without_git_is_copied_whole()
    {
        var folder = Directory.CreateDirectory(world.Path("plain/sub")).Parent!.FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "sub/x"), "x\n", Stop);
        await using var source = Source(folder);

        await using var workspace = await CheckOutAsync(source);

        Assert.Null(workspace.ObjectsPath);
        Assert.Equal("x\n", await GitWorld.InsideAsync(workspace, "cat sub/x", Stop));
    }

    public void Dispose() => world.Dispose();

    private WorkingFolder Source(string path) => new(path, Options.Create(world.GitOptions), world.Time);

    private static Task<Workspace> CheckOutAsync(WorkingFolder source) =>
        source
            .CheckOutAsync(GitWorld.Order(new RepositoryRef(1, "local", "a/b", "/x"), new string('0', 40)), null, Stop)
            .AsTask();
}
