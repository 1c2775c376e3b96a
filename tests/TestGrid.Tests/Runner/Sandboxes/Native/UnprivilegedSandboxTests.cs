using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

/// <summary>All that the native engine promises, kept for a runner that is an ordinary user, too.</summary>
[Trait("Slow", "true")]
public sealed class UnprivilegedSandboxTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(typeof(LauncherSandboxEngineTests))]
    [InlineData(typeof(CrunSandboxEngineTests))]
    [InlineData(typeof(RuncSandboxEngineTests))]
    public async Task An_ordinary_user_with_an_id_range_gets_the_same(Type tests)
    {
        var stop = TestContext.Current.CancellationToken;
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can become somebody else.");
        using var bundle = await TestBundles.BaseAsync(stop);
        await using var redis = await TestBundles.ServiceAsync("redis", stop);
        await using var postgresql = await TestBundles.ServiceAsync("postgresql", stop);
        using var folder = new TempFolder();

        var (code, said) = await OrdinaryUser.RunTestsAsync(
            folder.Path,
            [
                $"TESTGRID_TEST_ROOT={bundle.Bundle.RootPath}",
                $"TESTGRID_TEST_SERVICES=redis={redis.Bundle.RootPath};postgresql={postgresql.Bundle.RootPath}",
            ],
            ["-class", tests.FullName!],
            stop
        );

        output.WriteLine(said);
        Assert.Equal(0, code);
        Assert.Matches(@"Total: ([5-9]|1\d)\d, Errors: 0, Failed: 0, ", said);
    }
}
