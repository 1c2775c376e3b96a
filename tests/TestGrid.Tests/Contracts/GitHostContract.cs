using System.Text;
using TestGrid.Server.GitHosts;

namespace TestGrid.Tests.Contracts;

/// <summary>What every git host promises: nothing is believed before its signature, and no body is an exception.</summary>
public abstract class GitHostContract
{
    protected const string Secret = "topsecret";

    protected abstract IGitHost Host { get; }

    /// <summary>A push of <c>refs/heads/main</c> in <c>us/them</c>.</summary>
    protected abstract byte[] Push { get; }

    /// <summary>The headers that the host sends with a push, without the signature.</summary>
    protected abstract Dictionary<string, string> Headers { get; }

    protected abstract string Sign(byte[] body);

    [Fact]
    public void A_signed_push_is_a_trigger()
    {
        var accepted = Assert.IsType<WebhookReading.Accepted>(Read(Push, Sign(Push)));

        Assert.Equal("main", accepted.Trigger.Commit.Branch);
        Assert.Equal("us/them", Host.Claims(Request(Push, null)));
    }

    [Fact]
    public void One_bit_of_the_body_or_the_signature_is_enough_to_refuse_it()
    {
        var signature = Sign(Push);
        for (var bit = 0; bit < Push.Length * 8; bit += 7)
        {
            var body = Push.ToArray();
            body[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.IsType<WebhookReading.Refused>(Read(body, signature));
        }
        foreach (var at in Enumerable.Range(0, signature.Length))
        {
            var other = signature[at] == '0' ? '1' : '0';
            Assert.IsType<WebhookReading.Refused>(Read(Push, signature[..at] + other + signature[(at + 1)..]));
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("sha256=")]
    [InlineData("sha256=zz")]
    [InlineData("sha1=cf93f9ba3c8d3a789e61f91e1e5c6a360d036e98")]
    [InlineData("sha256=0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("sha256=000000000000000000000000000000000000000000000000000000000000000é")]
    public void A_header_that_is_no_signature_is_refused(string? signature) =>
        Assert.IsType<WebhookReading.Refused>(Read(Push, signature));

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("\"x\"")]
    [InlineData("{\"ref\": {\"a\": [1, 2")]
    [InlineData("{\"ref\": \"refs/heads/../../etc\", \"after\": \"0123456789abcdef0123456789abcdef01234567\"}")]
    [InlineData("{\"ref\": \"refs/heads/a\\u0000b\", \"after\": \"0123456789abcdef0123456789abcdef01234567\"}")]
    [InlineData("{\"ref\": \"refs/heads/-x y\", \"sha\": \"--upload-pack=id\", \"after\": \"--upload-pack=id\"}")]
    public void A_signed_body_that_makes_no_sense_is_unusable(string text)
    {
        var body = Encoding.UTF8.GetBytes(text);

        Assert.IsType<WebhookReading.Unusable>(Read(body, Sign(body)));
        Host.Claims(Request(body, null));
    }

    [Fact]
    public void A_body_deep_enough_to_break_a_reader_does_not()
    {
        var body = Encoding.UTF8.GetBytes(new string('[', 1 << 20));

        Assert.IsType<WebhookReading.Unusable>(Read(body, Sign(body)));
        Assert.Null(Host.Claims(Request(body, null)));
    }

    private WebhookReading Read(byte[] body, string? signature) => Host.Read(Request(body, signature), Secret);

    private HookRequest Request(byte[] body, string? signature)
    {
        var headers = new Dictionary<string, string>(Headers, StringComparer.OrdinalIgnoreCase);
        if (signature is not null)
            headers[Host.SignatureHeader] = signature;
        return new HookRequest(headers.GetValueOrDefault, body);
    }
}
