using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using TestGrid.Core.Config;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config;

/// <summary>Real files with pieces cut, doubled, moved and replaced: each gives a reading within the limits.</summary>
public sealed class MutationTests
{
    private static readonly string[] Pieces =
    [
        "\n",
        ": ",
        "- ",
        "{}",
        "[]",
        "~",
        "&a ",
        "*a",
        "<<: *a",
        "[",
        "}",
        "\"",
        "'",
        "|\n",
        "\t",
        "  ",
        "if: branch = (",
        "env: ",
        "global: ",
        "secure: x\n",
        "true",
        "-1",
        "!!binary x",
        "\u00a0",
        "\ud83d",
    ];

    private static readonly Gen<(int Kind, double At, double Length, int Piece)[]> Changes = Gen.Select(
        Gen.Int[0, 3],
        Gen.Double[0, 1],
        Gen.Double[0, 0.2],
        Gen.Int[0, Pieces.Length - 1]
    ).Array[1, 8];

    [Fact]
    public void A_changed_real_file_gives_a_reading_and_never_more_than_the_limits()
    {
        var texts = Corpora
            .Lines("travis/oracle.jsonl.xz")
            .Where((_, index) => index % 20 == 0)
            .Select(line => (string)JsonNode.Parse(line)!["input_yaml"]!)
            .ToArray();
        var settings = Reading.Settings with { MaxCells = 50, MaxBytes = 64 << 10 };

        Gen.Select(Gen.Int[0, texts.Length - 1], Changes)
            .Sample(
                (which, changes) =>
                {
                    var text = changes.Aggregate(texts[which], Changed);

                    var reading = CiConfigReader.Read(".travis.yml", Encoding.UTF8.GetBytes(text), settings);

                    switch (reading)
                    {
                        case ConfigReading.Read(var config):
                            Assert.InRange(config.Jobs.Length, 1, settings.MaxCells);
                            Assert.DoesNotContain(config.Problems, problem => problem.IsError);
                            break;
                        case ConfigReading.Refused(var problems):
                            Assert.Contains(problems, problem => problem.IsError);
                            Assert.All(problems, problem => Assert.True(problem.Line > 0, problem.ToString()));
                            break;
                    }
                },
                iter: 3000
            );
    }

    private static string Changed(string text, (int Kind, double At, double Length, int Piece) change)
    {
        var at = (int)(text.Length * change.At);
        var end = Math.Min(text.Length, at + (int)(text.Length * change.Length));
        return change.Kind switch
        {
            0 => text[..at] + text[end..],
            1 => text[..at] + text[at..end] + text[at..],
            2 => text[..at] + Pieces[change.Piece] + text[at..],
            _ => text[end..] + text[..end],
        };
    }
}
