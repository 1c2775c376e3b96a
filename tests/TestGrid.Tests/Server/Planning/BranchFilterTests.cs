using System.Diagnostics;
using TestGrid.Server.Planning;

namespace TestGrid.Tests.Server.Planning;

public sealed class BranchFilterTests
{
    [Theory]
    [InlineData("main", new[] { "main" }, new string[0], true)]
    [InlineData("dev", new[] { "main" }, new string[0], false)]
    [InlineData("v1.2", new[] { "main", @"/^v\d+\.\d+$/" }, new string[0], true)]
    [InlineData("xv1.2", new[] { @"/^v\d+\.\d+$/" }, new string[0], false)]
    [InlineData("dev", new string[0], new[] { "dev" }, false)]
    [InlineData("develop", new string[0], new[] { "dev" }, true)]
    [InlineData("dev", new[] { "dev" }, new[] { "dev" }, true)] // exclusions count only alone
    [InlineData("feature/x", new string[0], new[] { "/^feature/" }, false)]
    [InlineData("ab", new[] { "/^(?=a)ab/" }, new string[0], true)] // what the linear engine cannot do
    [InlineData("x", new[] { "/[/" }, new string[0], false)]
    public void A_branch_is_built_or_not(string name, string[] only, string[] except, bool built) =>
        Assert.Equal(built, BranchFilter.Excludes(name, [.. only], [.. except], ".travis.yml") is null);

    [Fact]
    public void A_pattern_made_to_be_slow_is_not()
    {
        var watch = Stopwatch.StartNew();

        BranchFilter.Excludes(new string('a', 1000) + "!", ["/^(a+)+$/", @"/^(?=a)(a+)+$/"], [], ".travis.yml");

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
    }
}
