using TestGrid.Runner.Bundles;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class BuildLogTests : IDisposable
{
    private readonly StringWriter file = new();
    private readonly Heard heard = new();
    private readonly BuildLog log;

    public BuildLogTests() => log = new BuildLog("c", file, heard);

    [Fact]
    public void Percents_follow_the_packages_and_never_go_back()
    {
        log.Reach(0, "asking the mirror");
        Hear("I: downloading packages with apt...", "0 upgraded, 2 newly installed, 0 to remove.");
        Hear("Get:1 x", "Get:2 x", "I: extracting archives...", "I: installing essential packages...");
        Hear("Unpacking a (1) ...", "Unpacking b (1) ...", "Setting up a (1) ...", "Setting up b (1) ...");
        Assert.Equal((25, "installing the essential packages"), heard.Last);

        Hear("I: installing remaining packages inside the chroot...");
        Hear("0 upgraded, 10 newly installed, 0 to remove.");
        for (var i = 0; i < 15; i++)
            Hear("Unpacking x (1) ...");
        Assert.Equal((55, "installing packages"), heard.Last);
        for (var i = 0; i < 100; i++)
            Hear("Setting up x (1) ...");
        Assert.Equal((85, "installing packages"), heard.Last);

        log.Reach(97, "checking");
        Assert.Equal((97, "checking"), heard.Last);
        Assert.Equal(heard.Percents.Order(), heard.Percents);
        Assert.Equal("bundle c is being built, 97 % (checking)", new BundleProgress("c", 97, "checking").ToString());
    }

    [Fact]
    public void Apts_own_words_are_kept_for_when_it_fails()
    {
        Hear(
            "The following packages have unmet dependencies:",
            " a : Depends: b (>= 2) but it is not installable",
            "E: Unable to correct problems, you have held broken packages."
        );

        Assert.Equal(
            "a : Depends: b (>= 2) but it is not installable\n"
                + "E: Unable to correct problems, you have held broken packages.",
            log.Errors
        );
        Assert.Contains("unmet dependencies", file.ToString(), StringComparison.Ordinal);
    }

    public void Dispose() => file.Dispose();

    private void Hear(params string[] lines)
    {
        foreach (var line in lines)
            log.Hear(line);
    }

    private sealed class Heard : IProgress<BundleProgress>
    {
        public List<int> Percents { get; } = [];

        public (int, string) Last { get; private set; }

        public void Report(BundleProgress value)
        {
            Percents.Add(value.Percent);
            Last = (value.Percent, value.Phase);
        }
    }
}
