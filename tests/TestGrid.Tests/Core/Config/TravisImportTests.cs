using System.Text;
using System.Text.Json.Nodes;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Import;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config;

public sealed class TravisImportTests(ITestOutputHelper output)
{
    [Fact]
    public void A_file_keeps_its_text_and_what_nothing_acts_on_is_a_comment()
    {
        var result = Import(
            """
            # the tests
            langauge: python
            python:
              - "3.11"   # ours
            before-install: pip install x

            frobnicate: 1
            # why we deploy
            deploy:
              provider: pypi

              on: {tags: true}

            script: pytest
            """
        );

        Assert.Equal(
            """
            # Made from .travis.yml by `testgrid config import`.
            # the tests
            language: python
            python:
              - "3.11"   # ours
            before_install: pip install x

            # frobnicate: 1
            # why we deploy
            # deploy:
            #   provider: pypi
            #
            #   on: {tags: true}

            script: pytest

            """,
            result.Text
        );
        Assert.Equal(
            [
                (2, "langauge", ImportFate.Renamed),
                (3, "python", ImportFate.Kept),
                (5, "before-install", ImportFate.Renamed),
                (7, "frobnicate", ImportFate.Commented),
                (9, "deploy", ImportFate.Commented),
                (14, "script", ImportFate.Kept),
            ],
            result.Report.Select(line => (line.Line, line.Key, line.Fate))
        );
        Assert.All(result.Report.Where(line => line.Fate != ImportFate.Kept), line => Assert.NotEqual("", line.Why));
    }

    [Fact]
    public void What_Travis_means_without_saying_it_is_written_out()
    {
        Assert.StartsWith(
            "# Made from .travis.yml by `testgrid config import`.\nlanguage: ruby\nrvm:",
            Import("rvm: 3.1\n").Text,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("ruby", Import("script: make\n").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_left_to_do_is_told()
    {
        var report = Import("language: python\npython: 3.6\nenv: [{secure: abc}]\nscript: pytest\n").Report;

        var left = report.Where(line => line.Fate == ImportFate.ToDo).ToList();
        Assert.Equal([3, 0], left.Select(line => line.Line));
        Assert.Contains("testgrid secret set", left[0].Why, StringComparison.Ordinal);
        Assert.Contains("The nearest is 3.11", left[1].Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_part_with_an_anchor_stays()
    {
        var result = Import("x_part: &a\n  script: make\nnotifications: &b {email: false}\nlanguage: c\n<<: *a\n");

        Assert.NotNull(result.Text);
        Assert.DoesNotContain("# x_part", result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_read_gives_its_problems_and_no_text()
    {
        var result = Import("script: [a\n");

        Assert.Null(result.Text);
        Assert.NotEmpty(result.Problems);
    }

    /// <summary>The importer reads its own text again and gives none unless the jobs are the same.</summary>
    [Fact]
    public void Every_real_file_is_imported_to_the_same_jobs()
    {
        var (imported, refused, lost) = (0, 0, new List<string>());
        foreach (var line in Corpora.Lines("travis/oracle.jsonl.xz"))
        {
            var file = JsonNode.Parse(line)!;
            var yaml = Encoding.UTF8.GetBytes((string)file["input_yaml"]!);
            var isRead = CiConfigReader.Read(".travis.yml", yaml, Reading.Settings) is ConfigReading.Read;
            if (TravisImport.Of(".travis.yml", yaml, Reading.Settings).Text is not null)
                imported++;
            else if (isRead)
                lost.Add((string)file["name"]!);
            else
                refused++;
        }

        output.WriteLine($"{imported} files are imported, {refused} cannot be read, {lost.Count} would change");
        Assert.True(lost.Count <= imported / 200, string.Join('\n', lost));
        Assert.True(imported > 4000);
    }

    private static ImportResult Import(string yaml) =>
        TravisImport.Of(".travis.yml", Encoding.UTF8.GetBytes(yaml), Reading.Settings);
}
