using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Imports;
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

    // The length of a path chooses the file: a few meet themselves again.
    private static readonly string[] Imports =
    [
        "",
        "import: a.yml\n",
        "import: [aa.yml, b/c.yml]\n",
        "import:\n- source: aaa.yml\n  mode: deep_merge_prepend\n- source: a.yml\n  mode: merge\n",
        "import:\n- source: owner/other:abcde.yml@main\n  if: branch = master\n- aaaa.yml\n",
        "import: [{source: ./aa.yml, mode: deep_merge_append}, ../x.yml, 1, {}]\n",
    ];

    private static ConfigSettings Settings { get; } = Reading.Settings with { MaxCells = 50, MaxBytes = 64 << 10 };

    private static readonly Gen<(int Kind, double At, double Length, int Piece)[]> Changes = Gen.Select(
        Gen.Int[0, 3],
        Gen.Double[0, 1],
        Gen.Double[0, 0.2],
        Gen.Int[0, Pieces.Length - 1]
    ).Array[1, 8];

    [Fact]
    public void A_changed_real_file_gives_a_reading_and_never_more_than_the_limits()
    {
        var texts = Texts();

        Gen.Select(Gen.Int[0, texts.Length - 1], Changes)
            .Each(sample => AssertRead(Changed(texts, sample), Settings), 3000);
    }

    [Fact]
    public void Changed_files_that_import_each_other_give_a_reading_too()
    {
        var texts = Texts();
        var file = Gen.Select(Gen.Int[0, texts.Length - 1], Changes, Gen.Int[0, Imports.Length - 1]);

        // One is read, and the others are what it imports, and what they import.
        file.Array[5]
            .Each(
                samples =>
                {
                    var files = samples
                        .Select(sample => Imports[sample.Item3] + Changed(texts, (sample.Item1, sample.Item2)))
                        .ToArray();
                    var text = Encoding.UTF8.GetBytes(files[0]);
                    var given = 0;

                    var settings = ConfigImports
                        .CollectAsync(
                            ".travis.yml",
                            text,
                            Settings,
                            (source, _) =>
                            {
                                Assert.True(++given <= ConfigImports.Most);
                                return new ValueTask<ImportedFile>(
                                    source.Path.Length % 5 == 0
                                        ? new ImportedFile.Refused("there is no such file")
                                        : new ImportedFile.Text(Encoding.UTF8.GetBytes(files[source.Path.Length % 5]))
                                );
                            },
                            TestContext.Current.CancellationToken
                        )
                        .AsTask()
                        .GetAwaiter()
                        .GetResult();

                    AssertRead(files[0], settings);
                },
                500
            );
    }

    private static string[] Texts() =>
        [
            .. Corpora
                .Lines("travis/oracle.jsonl.xz")
                .Where((_, index) => index % 20 == 0)
                .Select(line => (string)JsonNode.Parse(line)!["input_yaml"]!),
        ];

    private static void AssertRead(string text, ConfigSettings settings)
    {
        switch (CiConfigReader.Read(".travis.yml", Encoding.UTF8.GetBytes(text), settings))
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
    }

    private static string Changed(
        string[] texts,
        (int Which, (int Kind, double At, double Length, int Piece)[] Changes) sample
    ) => sample.Changes.Aggregate(texts[sample.Which], Changed);

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
