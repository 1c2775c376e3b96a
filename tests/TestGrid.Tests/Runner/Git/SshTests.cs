using TestGrid.Core.Builds;
using TestGrid.Runner.Git;

namespace TestGrid.Tests.Runner.Git;

public sealed class SshTests : IDisposable
{
    private readonly GitWorld world;

    public SshTests()
    {
        world = new(options => options.Ssh = "");
        // Stands for ssh: writes down how it was called and what it was given, and is the far end itself.
        var program = world.Path("ssh");
        File.WriteAllText(
            program,
            $$"""
            #!/bin/sh
            printf '%s\n' "$@" >{{world.Path("words")}}
            while [ $# -gt 0 ]; do
                case $1 in
                -i) stat -c '%a' "$2" >{{world.Path("mode")}}; cp "$2" {{world.Path("key")}}; shift;;
                UserKnownHostsFile=*) cp "${1#*=}" {{world.Path("hosts")}};;
                git-upload-pack*) eval "exec $1";;
                esac
                shift
            done
            exit 1
            """
        );
        File.SetUnixFileMode(program, (UnixFileMode)0x1ED);
        world.GitOptions.Ssh = program;
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_repository_is_fetched_by_ssh_with_its_own_key_and_pinned_hosts_that_do_not_stay()
    {
        using var origin = world.Repository();
        var sha = origin.Commit("first", ("a.txt", "a\n"));
        var repository = new RepositoryRef(1, "example.org", "a/b", $"ssh://git@example.org{origin.Path}");
        var key = new GitCredential.SshKey("SECRET KEY", "example.org ssh-ed25519 AAAA");

        await using var workspace = await world.Mirror.CheckOutAsync(GitWorld.Order(repository, sha), key, Stop);

        Assert.Equal("a\n", await File.ReadAllTextAsync(Path.Combine(workspace.TreePath, "a.txt"), Stop));
        Assert.Equal("600\n", await File.ReadAllTextAsync(world.Path("mode"), Stop));
        Assert.Equal("SECRET KEY\n", await File.ReadAllTextAsync(world.Path("key"), Stop));
        Assert.Equal("example.org ssh-ed25519 AAAA\n", await File.ReadAllTextAsync(world.Path("hosts"), Stop));
        var words = await File.ReadAllTextAsync(world.Path("words"), Stop);
        Assert.Contains("StrictHostKeyChecking=yes\n", words, StringComparison.Ordinal);
        Assert.Contains("git@example.org\n", words, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(world.GitOptions.RootPath, "keys")));
        foreach (var file in Directory.GetFiles(world.GitOptions.RootPath, "*", SearchOption.AllDirectories))
            Assert.DoesNotContain("SECRET", await File.ReadAllTextAsync(file, Stop), StringComparison.Ordinal);
    }

    public void Dispose() => world.Dispose();
}
