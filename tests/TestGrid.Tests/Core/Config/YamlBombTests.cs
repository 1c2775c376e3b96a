using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using TestGrid.Core.Config;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config;

/// <summary>Texts made to cost time or memory, or to make objects: each gives a reading, and soon.</summary>
public sealed class YamlBombTests(ITestOutputHelper output)
{
    [Fact]
    public void No_bomb_goes_off()
    {
        foreach (var path in Directory.GetFiles(Corpora.Need("corpora/yaml/bombs"), "*.yml*").Order())
        {
            var bytes = File.ReadAllBytes(path);
            if (path.EndsWith(".gz", StringComparison.Ordinal))
                bytes = Unpacked(bytes);
            // Also what is over the byte limit: the other limits must hold alone.
            Check(Path.GetFileName(path), bytes, Reading.Settings);
            Check(Path.GetFileName(path), bytes, Reading.Settings with { MaxBytes = 8 << 20 });
        }
    }

    [Theory]
    [InlineData("[", 250_000)]
    [InlineData("{a: ", 60_000)]
    [InlineData("- ", 120_000)]
    [InlineData("? ", 120_000)]
    [InlineData("a: &a ", 40_000)]
    [InlineData("\"", 250_000)]
    [InlineData("*a ", 80_000)]
    [InlineData("!!x ", 60_000)]
    [InlineData("#", 250_000)]
    [InlineData("%", 250_000)]
    [InlineData("a\n", 120_000)]
    [InlineData("a:\n", 80_000)]
    public void Long_runs_of_one_thing_end_soon(string part, int times) =>
        Check(part, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(part, times))), Reading.Settings);

    [Fact]
    public void Merges_of_merges_are_counted()
    {
        var yaml = new StringBuilder("a0: &a0 {k: v}\n");
        for (var i = 1; i < 5000; i++)
            yaml.Append($"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: v}}\n");

        Assert.Equal(ProblemCode.OverLimit, Assert.Single(Reading.Refused(yaml.ToString())).Code);
    }

    private void Check(string name, byte[] bytes, ConfigSettings settings)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        var reading = CiConfigReader.Read(".travis.yml", bytes, settings);
        var megabytes = (GC.GetAllocatedBytesForCurrentThread() - before) >> 20;
        var what = reading is ConfigReading.Refused refused ? refused.Problems[^1].ToString() : "read";
        output.WriteLine(
            $"{name}: {watch.ElapsedMilliseconds} ms, {megabytes} MB allocated: {what[..Math.Min(what.Length, 150)]}"
        );

        // A generous roof: what goes off takes minutes.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"{name} took {watch.Elapsed}");
        Assert.False(File.Exists("PWNED"));
    }

    private static byte[] Unpacked(byte[] packed)
    {
        using var unpacked = new MemoryStream();
        using (var zip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress))
            zip.CopyTo(unpacked);
        return unpacked.ToArray();
    }
}
