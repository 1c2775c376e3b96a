using TestGrid.Cli.Exits;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;

namespace TestGrid.Tests.Cli;

/// <summary>The page with the proof of every bundle, which is read again by the run that goes on.</summary>
public sealed class ProofPageTests : IDisposable
{
    private static readonly BundleDigest Digest = BundleDigest.Parse("sha256:" + new string('a', 64), null);
    private readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    [Fact]
    public void What_was_proved_is_read_again_and_what_was_not_the_same_stays_so()
    {
        BundleProof[] proofs =
        [
            new("python", "bookworm", 261, 700L << 20, Digest, true, 41),
            new("base", "bookworm", 202, 369L << 20, Digest, false, 29),
        ];

        File.WriteAllText(file, ProofPage.Write(proofs, new DateOnly(2026, 1, 31)));

        Assert.Equal(proofs.ToDictionary(one => one.Name), ProofPage.Read(file));
    }

    [Fact]
    public void A_page_that_is_not_there_has_proved_nothing()
    {
        File.Delete(file);

        Assert.Empty(ProofPage.Read(file));
    }

    [Fact]
    public void A_row_that_was_changed_by_hand_is_named()
    {
        File.WriteAllText(file, "# Page\n\n| base | bookworm | many | 369 | 29 | yes | `" + Digest + "` |\n");

        var problem = Assert.Throws<CommandException>(() => ProofPage.Read(file));

        Assert.StartsWith($"{file}:3 is no row", problem.Message, StringComparison.Ordinal);
    }
}
