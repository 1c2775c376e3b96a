using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using TestGrid.Core.Config;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace TestGrid.Bench;

/// <summary>
/// Reading and expanding real configurations, beside the bare YAML parser over the same bytes: the folder that
/// TESTGRID_CORPORA names has them, unpacked to <c>travis/oracle.jsonl</c> or packed by xz.
/// </summary>
internal static class ConfigSpeed
{
    public static async Task RunAsync()
    {
        var root = Environment.GetEnvironmentVariable("TESTGRID_CORPORA") ?? "../shared";
        var packed = Path.Combine(root, "travis", "oracle.jsonl.xz");
        if (!File.Exists(packed))
        {
            Console.WriteLine($"config: not run, {packed} is not there");
            return;
        }

        var lines = await Machine.RunAsync("xz", "-dc", packed);
        var files = lines
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line =>
                Encoding.UTF8.GetBytes(JsonDocument.Parse(line).RootElement.GetProperty("input_yaml").GetString()!)
            )
            .ToArray();
        var settings = new ConfigSettings([]);
        var (parse, read) = (new Samples(), new Samples());

        // The first round warms up; the kinds alternate, so that both see the same machine.
        for (var round = 0; round < 3; round++)
        {
            foreach (var file in files)
            {
                var plain = Timed(() => Parse(file));
                var whole = Timed(() => CiConfigReader.Read(".travis.yml", file, settings));
                if (round == 0)
                    continue;
                parse.Add(plain);
                read.Add(whole);
            }
        }

        Table.Print(
            $"Configurations: {files.Length} real files, twice",
            ["what", "median µs", "p99 µs", "files per second"],
            [Row("YamlDotNet's parser only", parse), Row("read and expand", read)]
        );
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"\nratio of the medians {read.RatioTo(parse):0.00}")
        );
        Table.Print("Hostile files of 256 kB", ["what", "ms"], Hostile(settings));
    }

    private static IEnumerable<string[]> Hostile(ConfigSettings settings)
    {
        (string Name, string Part)[] parts =
        [
            ("brackets", "["),
            ("keys near a known one", "scrpit_{0}: x\n"),
            ("unknown keys", "zzzz_{0}: x\n"),
            ("env lines", "- A={0} B=$(x) C=\"y\"\n"),
            ("quoted lines too far left", "a{0}: \"x\ny\"\n"),
            ("anchors", "a{0}: &a{0} [*a0, x]\n"),
            ("conditions", "- if: branch = x OR env(a{0}) = b\n"),
        ];
        foreach (var (name, part) in parts)
        {
            var text = new StringBuilder(
                name == "env lines" ? "env:\n"
                : name == "conditions" ? "jobs:\n  include:\n"
                : ""
            );
            for (var i = 0; text.Length < (250 << 10); i++)
                text.Append(string.Format(CultureInfo.InvariantCulture, part, i));
            var bytes = Encoding.UTF8.GetBytes(text.ToString());
            var time = Timed(() => CiConfigReader.Read(".travis.yml", bytes, settings)) / 1000;
            yield return [name, time.ToString("0", CultureInfo.InvariantCulture)];
        }
    }

    private static string[] Row(string what, Samples samples) =>
        [what, Number(samples.Median), Number(samples.At(0.99)), Number(samples.Count / samples.Total * 1e6)];

    private static string Number(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    private static double Timed(Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    private static void Parse(byte[] file)
    {
        try
        {
            var parser = new Parser(new StringReader(Encoding.UTF8.GetString(file)));
            while (parser.MoveNext() && parser.Current is not StreamEnd) { }
        }
        catch (YamlException)
        {
            // A few of them are no YAML; finding that out is the work too.
        }
    }
}
