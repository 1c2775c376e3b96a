using TestGrid.Core.Config;
using TestGrid.Core.Orders;

namespace TestGrid.Tests.Core.Jobs;

public sealed class JobAddonsTests
{
    private const StringComparison Ordinal = StringComparison.Ordinal;

    [Fact]
    public void Hosts_are_added_and_what_is_no_name_is_left_out_with_a_note()
    {
        var config = ScriptRun.Config(
            "language: generic\nscript: make\naddons:\n  hosts: [a.local, b, '$(reboot)', '-e']\n  ssh_known_hosts: [h.example:2222, i.example]\n"
        );
        var script = JobScript.Body(ScriptRun.Order(config));

        Assert.Equal(["a.local", "b"], config.Addons.Hosts);
        Assert.Contains("echo 127.0.0.1 a.local b | _tg_sudo tee -a /etc/hosts", script, Ordinal);
        Assert.Contains("-H -p 2222 h.example ", script, Ordinal);
        Assert.Contains("-H i.example ", script, Ordinal);
        Assert.DoesNotContain("reboot", script, Ordinal);
        Assert.Contains("addon hosts is not available yet.", config.Notes); // not all of it
        Assert.DoesNotContain("addon ssh_known_hosts is not available yet.", config.Notes);
    }

    [Theory]
    [InlineData("'a$b'", "a$b")]
    [InlineData("$GIVEN", "given")]
    public async Task The_token_of_code_climate_is_a_variable(string written, string expected)
    {
        var run = await ScriptRun.OfAsync(
            $"language: generic\nenv: GIVEN=given\nscript: echo \"<$CODECLIMATE_REPO_TOKEN>\"\naddons: {{code_climate: {{repo_token: {written}}}}}\n"
        );

        Assert.Contains($"<{expected}>", run.Visible, Ordinal);
    }

    [Fact]
    public void A_screen_is_the_jobs_own_and_no_service_that_could_be_missing()
    {
        var config = ScriptRun.Config("language: generic\nscript: make\nservices: [xvfb]\n");

        Assert.Null(config.Impossible);
        Assert.Empty(config.Services);
        Assert.Contains("export DISPLAY=:99.0\n", JobScript.Body(ScriptRun.Order(config)), Ordinal);
    }

    [Theory]
    [InlineData("oracle-java8-installer", "default-jdk", "")]
    [InlineData("ghc-8.2.2", "ghc", "ghc-8.2.2=ghc")]
    [InlineData("cabal-install-head", "cabal-install", "cabal-install-head=cabal")]
    [InlineData("python3.6-dev", "python3-dev", "python3.6=python3")]
    public void A_package_that_is_gone_has_the_one_of_its_purpose(string package, string instead, string programs)
    {
        var stand = AptStandIn.Of(package)!;

        Assert.Equal((instead, programs), (stand.Instead, string.Join(' ', stand.Programs)));
    }
}
