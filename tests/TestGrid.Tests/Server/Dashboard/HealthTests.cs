using System.ComponentModel.DataAnnotations;
using System.Net;
using TestGrid.Runner.Queues;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Dashboard;

public sealed class HealthTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_whose_broker_is_away_starts_is_alive_and_says_why_it_is_not_ready()
    {
        await using var server = await TestServer.StartAsync(queue: new QueueOptions { Url = "amqp://127.0.0.1:9" });

        using var alive = await server.Stranger.GetAsync("/livez", Stop);
        using var ready = await server.Stranger.GetAsync("/readyz", Stop);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), (alive.StatusCode, ready.StatusCode));
        Assert.Contains(
            "the queue at 127.0.0.1:9 is away: connection refused; trying again",
            await ready.Content.ReadAsStringAsync(Stop),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("nats", null, "there is no queue 'nats': rabbitmq or sqlite")]
    [InlineData("rabbitmq", null, "needs its address")]
    [InlineData(null, "amqp://a:b@c", "--queue-password-file")]
    public async Task A_queue_that_cannot_be_is_refused_at_the_start(string? kind, string? url, string words)
    {
        var refused = await Assert.ThrowsAsync<ValidationException>(() =>
            TestServer.StartAsync(queue: new QueueOptions { Kind = kind, Url = url })
        );

        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
    }
}
