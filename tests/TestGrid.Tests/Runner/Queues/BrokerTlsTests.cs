using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Logging.Abstractions;
using TestGrid.Runner.Queues;
using TestGrid.Runner.Queues.RabbitMq;
using TestGrid.Tests.Server.Support;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Queues;

/// <summary>A real broker with a certificate of an authority that no machine knows.</summary>
public sealed class BrokerTlsTests(BrokerTlsTests.Shared shared) : IClassFixture<BrokerTlsTests.Shared>
{
    private readonly RabbitBroker broker = shared.Broker;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Url => $"amqps://guest@127.0.0.1:{broker.TlsPort}";

    [Fact]
    public async Task With_the_authoritys_file_orders_go_through_tls()
    {
        var options = new QueueOptions { Url = Url, CaFile = shared.At("ca.pem") };
        RabbitMqJobQueue.Check(options);
        await using var queue = Queue(options);

        Assert.Null(await queue.TroubleAsync(Stop));
        await queue.PublishAsync(Some.Order(), Stop);
        await using var delivery = await queue.ReceiveAsync("one", Stop);

        Assert.Equal(Some.Order().Id, delivery.Order.Id);
        Assert.Contains("true", await broker.ControlAsync(Stop, "list_connections", "ssl"), StringComparison.Ordinal);
        Assert.Null((await new BrokerExam(options).ExamineAsync(Stop)).Trouble);
    }

    [Fact]
    public async Task Without_it_or_with_anothers_the_one_who_signed_is_named()
    {
        using var stranger = new TestAuthority("a stranger");
        await File.WriteAllTextAsync(shared.At("stranger.pem"), stranger.Pem, Stop);

        var none = await TroubleAsync(new QueueOptions { Url = Url });
        var other = await TroubleAsync(new QueueOptions { Url = Url, CaFile = shared.At("stranger.pem") });

        Assert.Contains(
            "'CN=the tests' own' signed it, whom this machine does not know",
            none.Words,
            StringComparison.Ordinal
        );
        Assert.Contains(
            $"'CN=the tests' own' signed it, who is not in {shared.At("stranger.pem")}",
            other.Words,
            StringComparison.Ordinal
        );
        Assert.All([none, other], one => Assert.Contains("--queue-ca-file", one.Remedy, StringComparison.Ordinal));
        Assert.All(
            [none, other],
            one => Assert.StartsWith($"openssl s_client -connect 127.0.0.1:{broker.TlsPort} ", one.Remedy)
        );
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_refused_whoever_signed_it()
    {
        var options = new QueueOptions
        {
            Url = $"amqps://guest@localhost:{broker.TlsPort}",
            CaFile = shared.At("ca.pem"),
        };

        var trouble = await TroubleAsync(options);

        Assert.Contains("is not for localhost: it is for 127.0.0.1", trouble.Words, StringComparison.Ordinal);
        Assert.Contains("subjectAltName", trouble.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_where_there_is_none_and_none_where_there_is_are_told_apart_from_a_broker_that_is_away()
    {
        var plain = await TroubleAsync(new QueueOptions { Url = $"amqps://guest@127.0.0.1:{broker.Port}" });
        var closed = await TroubleAsync(new QueueOptions { Url = $"amqp://guest@127.0.0.1:{broker.TlsPort}" });

        Assert.Contains("does not speak TLS", plain.Words, StringComparison.Ordinal);
        Assert.StartsWith("rabbitmq-diagnostics listeners", plain.Remedy, StringComparison.Ordinal);
        Assert.StartsWith("rabbitmq-diagnostics listeners", closed.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_has_ended_says_when()
    {
        using var folder = new TempFolder();
        using var authority = new TestAuthority("the tests' own");
        authority.Issue(folder.Path, "127.0.0.1", TimeSpan.FromHours(-1));
        await using var old = new RabbitBroker { CertificatesPath = folder.Path };
        await old.StartAsync(Stop);

        var trouble = await TroubleAsync(
            new QueueOptions
            {
                Url = $"amqps://guest@127.0.0.1:{old.TlsPort}",
                CaFile = Path.Combine(folder.Path, "ca.pem"),
            }
        );

        Assert.Contains("and not now", trouble.Words, StringComparison.Ordinal);
        Assert.Contains("openssl x509 -noout -dates", trouble.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("amqps://guest@127.0.0.1", "no certificate in PEM form", "not a certificate")]
    [InlineData("amqps://guest@127.0.0.1", "Could not find file", null)]
    [InlineData("amqp://guest@127.0.0.1", "begins with amqps://", null)]
    public async Task A_file_of_authorities_that_is_of_no_use_is_refused_at_the_start(
        string url,
        string words,
        string? text
    )
    {
        var file = shared.At($"{Path.GetRandomFileName()}.pem");
        if (text is not null)
            await File.WriteAllTextAsync(file, text, Stop);

        var refused = Assert.Throws<ValidationException>(() =>
            RabbitMqJobQueue.Check(new QueueOptions { Url = url, CaFile = file })
        );

        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }

    private static RabbitMqJobQueue Queue(QueueOptions options) =>
        new(options, TimeProvider.System, NullLogger<RabbitMqJobQueue>.Instance);

    private static async Task<QueueTrouble> TroubleAsync(QueueOptions options)
    {
        await using var queue = Queue(options);
        return (await queue.TroubleAsync(Stop))!;
    }

    /// <summary>One broker for all of them: none of them harms it.</summary>
    public sealed class Shared : IAsyncLifetime
    {
        private readonly TempFolder folder = new();
        private readonly TestAuthority authority = new("the tests' own");

        public Shared()
        {
            authority.Issue(folder.Path, "127.0.0.1", TimeSpan.FromDays(1));
            Broker = new RabbitBroker { CertificatesPath = folder.Path };
        }

        public RabbitBroker Broker { get; }

        public string At(string name) => Path.Combine(folder.Path, name);

        public async ValueTask InitializeAsync() => await Broker.StartAsync(TestContext.Current.CancellationToken);

        public async ValueTask DisposeAsync()
        {
            await Broker.DisposeAsync();
            authority.Dispose();
            folder.Dispose();
        }
    }
}
