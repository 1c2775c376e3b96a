using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Core.Bundles;

public sealed class BundleLockTests
{
    private static readonly BundleLock Whole = new()
    {
        Bundle = "tiny",
        Suite = "bookworm",
        Architecture = "amd64",
        RecipeHash = new string('a', 64),
        Epoch = 1_795_227_046,
        Releases = [new("bookworm", 1_795_227_046, new string('b', 64))],
        Packages = [Package("bash", "5.2", 'c') with { Required = true }, Package("libc++1", "1:14.0-12", 'd')],
    };

    [Fact]
    public void A_lock_reads_as_it_was_written_one_package_a_line_and_no_host()
    {
        var text = Whole.Text();

        var read = Assert.IsType<LockReading.Read>(LockReader.Read("lock.json", text)).Lock;
        Assert.Equal(text, read.Text());
        Assert.Equal(Whole.Digest, read.Digest);
        Assert.Equal(Whole.Packages, read.Packages);
        Assert.Equal(2, text.Split('\n').Count(line => line.Contains("\"version\"", StringComparison.Ordinal)));
        Assert.DoesNotContain("://", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_tools_are_in_it_a_line_each_and_decide_its_digest()
    {
        var npm = new LockedTool("node", "22.1.0", 7, new string('e', 64), "sha512-" + new string('A', 86) + "==");
        var with = Whole with { Tools = [npm, new LockedTool("https://example.org/x.tgz", "", 8, new('f', 64), "")] };

        var text = with.Text();

        var read = Assert.IsType<LockReading.Read>(LockReader.Read("lock.json", text)).Lock;
        Assert.Equal(with.Tools, read.Tools);
        Assert.NotEqual(Whole.Digest, with.Digest);
        Assert.Equal(["- node@22.1.0", "- https://example.org/x.tgz"], with.ToolChangesTo(Whole));
        var other = text.Replace("22.1.0", "22.1.1", StringComparison.Ordinal);
        Assert.IsType<LockReading.Refused>(LockReader.Read("lock.json", other));
    }

    [Fact]
    public void What_decides_the_tree_decides_its_digest_and_nothing_else()
    {
        Assert.NotEqual(Whole.Digest, (Whole with { Epoch = 1 }).Digest);
        Assert.NotEqual(Whole.Digest, (Whole with { RecipeHash = new string('e', 64) }).Digest);
        Assert.NotEqual(Whole.Digest, (Whole with { Packages = Whole.Packages[..1] }).Digest);
        Assert.Equal(Whole.Digest, (Whole with { Releases = [] }).Digest);
    }

    [Theory]
    [InlineData("\"version\": \"5.2\"", "\"version\": \"5.3\"", 15, 17, "changed by hand")]
    [InlineData("pool/main/bash.deb", "pool/../../etc/passwd.deb", 12, 89, "without a host or ..")]
    [InlineData("pool/main/bash.deb", "http://mirror.example/bash.deb", 12, 89, "without a host or ..")]
    [InlineData("\"name\": \"bash\"", "\"name\": \"bash;reboot\"", 12, 15, "Debian package's name")]
    [InlineData("\"size\": 10", "\"size\": -1", 12, 119, "whole number")]
    [InlineData("testgrid.lock/1", "testgrid.lock/9", 2, 13, "This version reads")]
    [InlineData("\"packages\": [", "\"packages\": [[], ", 11, 16, "A package is an object")]
    public void A_problem_names_its_line_and_column(string from, string to, int line, int column, string says)
    {
        var text = Whole.Text().Replace(from, to, StringComparison.Ordinal);

        var problems = Assert.IsType<LockReading.Refused>(LockReader.Read("tiny/lock.json", text)).Problems;

        Assert.Contains(says, problems[0].Message, StringComparison.Ordinal);
        Assert.Equal(("tiny/lock.json", line, column), (problems[0].File, problems[0].Line, problems[0].Column));
    }

    [Fact]
    public void Packages_out_of_order_or_twice_are_refused()
    {
        var turned = Whole with { Packages = [Whole.Packages[1], Whole.Packages[0]] };
        var twice = Whole with { Packages = [Whole.Packages[0], Whole.Packages[0]] };

        Assert.IsType<LockReading.Refused>(LockReader.Read("lock.json", turned.Text()));
        Assert.IsType<LockReading.Refused>(LockReader.Read("lock.json", twice.Text()));
    }

    [Fact]
    public void Changes_are_told_by_package()
    {
        var other = Whole with { Packages = [Package("bash", "5.3", 'e'), Package("jq", "1.6", 'f')] };

        Assert.Equal(
            ["bash 5.2 → 5.3, bookworm", "+ jq 1.6 (amd64)", "- libc++1 1:14.0-12 (amd64)"],
            Whole.ChangesTo(other).Select(change => change.ToString())
        );
        Assert.Empty(Whole.ChangesTo(Whole));
    }

    [Fact]
    public void A_security_update_moves_only_what_a_security_archive_gave()
    {
        var newer = Whole with
        {
            Epoch = 1_800_000_000,
            Packages =
            [
                Package("bash", "5.2-1", 'e') with
                {
                    Archive = "bookworm-security",
                },
                Package("libc++1", "1:14.0-13", 'f'),
            ],
        };

        var moved = Whole.WithSecurityOf(newer);

        Assert.Equal(["5.2-1", "1:14.0-12"], moved.Packages.Select(package => package.Version));
        Assert.Equal(newer.Epoch, moved.Epoch);
        Assert.Same(Whole, Whole.WithSecurityOf(Whole with { Epoch = 5 }));
    }

    private static LockedPackage Package(string name, string version, char hash) =>
        new(name, version, "amd64", "bookworm", $"pool/main/{name}.deb", 10, new string(hash, 64), false);
}
