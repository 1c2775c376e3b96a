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
}
