using System.Buffers;
using System.Text;
using CsCheck;
using TestGrid.Runner.Output;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Output;

public sealed class RedactorTests
{
    private const string Secret = "s3cr3t-Value/+x";

    [Fact]
    public void A_value_is_masked_wherever_it_stands() =>
        Assert.Equal("a [secure] b [secure]", Redact($"a {Secret} b {Secret}", [Secret]));

    [Fact]
    public void A_value_that_is_split_at_any_border_is_masked_all_the_same()
    {
        var text = $"before {Secret} after s3cr3t- and {Secret}{Secret} end";
        var whole = Redact(text, [Secret]);
        for (var at = 0; at <= text.Length; at++)
            Assert.Equal(whole, Redact([text[..at], text[at..]], [Secret]));
    }

    [Fact]
    public void Any_way_of_cutting_a_text_into_chunks_gives_the_same_output() =>
        Gen.Select(
                Gen.String[Gen.Char["abs3"], 4, 8],
                Gen.String[Gen.Char["abs3 \n"], 0, 60],
                Gen.Int[0, 60].Array[0, 6]
            )
            .Each(
                sample =>
                {
                    var (secret, filler, cuts) = sample;
                    var text = filler + secret + filler;
                    var borders = cuts.Select(cut => Math.Min(cut, text.Length)).Order().ToArray();
                    var chunks = new List<string>();
                    var from = 0;
                    foreach (var border in borders)
                    {
                        chunks.Add(text[from..border]);
                        from = border;
                    }
                    chunks.Add(text[from..]);

                    var masked = Redact([.. chunks], [secret]);

                    Assert.Equal(Redact(text, [secret]), masked);
                    Assert.DoesNotContain(secret, masked, StringComparison.Ordinal);
                },
                2000
            );

    [Fact]
    public void Each_line_of_a_multi_line_value_is_masked()
    {
        var masked = Redact("x line-one\ny line-two\n", ["line-one\nline-two"]);

        Assert.Equal("x [secure]\ny [secure]\n", masked);
    }

    [Fact]
    public void A_multi_line_value_printed_by_a_terminal_is_masked_whole() =>
        Assert.Equal("[secure]", Redact("line-one\r\nline-two", ["line-one\nline-two"]));

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("xy")]
    public void Base64_of_a_text_that_holds_the_value_is_masked_at_every_alignment(string before)
    {
        const string Long = "a-long-enough-secret-value";
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(before + Long + "zz"));

        var masked = Redact(encoded, [Long]);

        Assert.Contains(Redactor.Mask, masked, StringComparison.Ordinal);
        // What is left of it must not give back more than its ends.
        Assert.True(masked.Replace(Redactor.Mask, "", StringComparison.Ordinal).Length <= 12, masked);
    }

    [Fact]
    public void A_url_encoded_value_is_masked_in_either_case_of_its_escapes()
    {
        Assert.Equal("q=[secure]&", Redact("q=pass%2Fword%20x&", ["pass/word x"]));
        Assert.Equal("q=[secure]&", Redact("q=pass%2fword%20x&", ["pass/word x"]));
        Assert.Equal("q=[secure]&", Redact("q=pass%2Fword+x&", ["pass/word x"]));
    }

    [Fact]
    public void A_value_that_contains_another_is_masked_whole() =>
        Assert.Equal("[secure]!", Redact("abcd-efgh!", ["abcd", "abcd-efgh"]));

    [Fact]
    public void Values_too_short_to_tell_from_chance_are_left_alone() =>
        Assert.Equal("yes no yes", Redact("yes no yes", ["yes", "no"]));

    [Fact]
    public void Bytes_that_are_no_text_pass_unchanged()
    {
        var bytes = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
        var output = new ArrayBufferWriter<byte>();

        new Redactor([Secret]).Redact(bytes, last: true, output);

        Assert.Equal(bytes, output.WrittenSpan.ToArray());
    }

    private static string Redact(string text, string[] secrets) => Redact([text], secrets);

    private static string Redact(string[] chunks, string[] secrets)
    {
        var redactor = new Redactor(secrets);
        var output = new ArrayBufferWriter<byte>();
        foreach (var chunk in chunks)
            redactor.Redact(Encoding.UTF8.GetBytes(chunk), last: false, output);
        redactor.Redact([], last: true, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
