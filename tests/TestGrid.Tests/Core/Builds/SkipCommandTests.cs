using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Tests.Core.Config;

namespace TestGrid.Tests.Core.Builds;

public sealed class SkipCommandTests
{
    [Theory]
    [InlineData("fix [skip ci]", "[skip ci]")]
    [InlineData("[CI Skip] docs", "[CI Skip]")]
    [InlineData("words\n\n[skip travis-ci]", "[skip travis-ci]")]
    [InlineData("[travisci skip]", "[travisci skip]")]
    [InlineData("[ci:skip]", "[ci:skip]")]
    [InlineData("skip ci", null)]
    [InlineData("[skip circle]", null)]
    public void The_message_says_whether_it_is_skipped(string message, string? command) =>
        Assert.Equal(command, SkipCommand.Find(message));

    [Fact]
    public void A_skipped_commit_is_not_built_and_the_reason_names_the_command()
    {
        var config = Reading.Config("language: c\nscript: make\n");

        var why = config.WhyNotBuilt(
            new Trigger(TriggerKind.Push, new CommitRef(new string('a', 40), "refs/heads/main", "docs [skip ci]"))
        );

        Assert.Equal((BuildReason.Skipped, "the commit's message says [skip ci]"), why);
    }
}
